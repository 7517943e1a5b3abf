"""A recorder in memory: the spans as they were recorded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.tracing import Exported, Kind


@dataclass
class Kept:
    """A span as it was recorded."""

    service: str
    name: str
    kind: Kind
    parent: str | None
    remote: bool
    traceparent: str
    attributes: dict[str, Exported] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    failure: str | None = None
    ended: bool = False

    def note(self, attributes: Mapping[str, Exported]) -> None:
        self.attributes |= attributes

    def rename(self, name: str) -> None:
        self.name = name

    def link(self, traceparent: str) -> None:
        self.links.append(traceparent)

    def fail(self, code: str) -> None:
        self.failure = code

    def end(self) -> None:
        self.ended = True


@dataclass
class Memory:
    """A recorder that keeps."""

    spans: list[Kept] = field(default_factory=list)

    def begin(
        self, service: str, name: str, kind: Kind, *, parent: str | None, remote: bool
    ) -> Kept:
        trace = parent[3:35] if parent else f"{len(self.spans) + 1:032x}"
        own = f"00-{trace}-{len(self.spans) + 1:016x}-01"
        self.spans.append(Kept(service, name, kind, parent, remote, own))
        return self.spans[-1]
