"""Who sent a message: from the names in MSH-3 and MSH-4 to the link of a clinic."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from common.database import Transaction
from common.events.clinic import sender_key
from emr_bridge.domain.link import Link
from emr_bridge.domain.peer import ANYBODY, Peer, networks_of
from emr_bridge.formats.hl7v2.header import Header
from emr_bridge.handlers.door import Decision
from emr_bridge.store import links

MOST_REMEMBERED = 10_000
"""Senders may call themselves anything: what was looked up is forgotten above this."""

MOST_DECISIONS = 1000

Known = Mapping[str, Link | None]


class Whence(NamedTuple):
    """By which connection a message came, and the trace that it opened."""

    peer: Peer = ANYBODY
    trace: str | None = None


NOWHERE = Whence()


class Senders:
    """Links by what their EMRs call themselves, as they were at one revision of the links."""

    def __init__(self, known: Known, revision: int | None = None) -> None:
        """`revision` is None where only some links are known."""
        self.revision = revision
        self._known = known
        self._found: dict[tuple[bytes, ...], Link | None] = {}
        self._foreign: dict[tuple[str | None, Peer], bool] = {}
        self._by_id: dict[str, Link] | None = None
        self.decisions: dict[tuple[Any, ...], Decision] = {}
        """What was decided of messages, by what their headers said."""

    def remember(self, told: tuple[Any, ...], decision: Decision) -> None:
        """Keep a decision for as long as the links are these."""
        if len(self.decisions) >= MOST_DECISIONS:
            self.decisions.clear()
        self.decisions[told] = decision

    def link_of(self, header: Header) -> Link | None:
        """Return the link that a message came by, if one clinic alone claims its sender."""
        claimed = (header.raw(3), header.raw(4), header.encoding[:1])
        if claimed not in self._found:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            self._found[claimed] = first_link(self._known, sender_keys(header))
        return self._found[claimed]

    def by_id(self, link_id: str | None) -> Link | None:
        """Return a link by its id."""
        if self._by_id is None:
            self._by_id = {link.id: link for link in self._known.values() if link}
        return self._by_id.get(link_id or "")

    def is_foreign(self, link: Link | None, peer: Peer) -> bool:
        """Tell whether a peer may not speak for the link that a message names.

        A certificate that is some link's speaks for that link alone; a link that has one is
        spoken for by nobody else; a link's networks are the only ones that it speaks from.
        """
        if peer is ANYBODY:
            return False
        claimed = (link.id if link else None, peer)
        if claimed not in self._foreign:
            if len(self._foreign) >= MOST_REMEMBERED:
                self._foreign.clear()
            self._foreign[claimed] = self._is_foreign(link, peer)
        return self._foreign[claimed]

    def _is_foreign(self, link: Link | None, peer: Peer) -> bool:
        owners = {
            one.id
            for one in self._known.values()
            if one and (wanted := one.dialect.client_certificate) and peer.shows(wanted)
        }
        if link is None:
            return bool(owners)
        if (owners or link.dialect.client_certificate) and link.id not in owners:
            return True
        return not peer.is_within(networks_of(link.dialect.allowed_addresses))


NO_SENDERS = Senders({})


async def all_senders(tx: Transaction) -> Senders:
    """Return every link as it is now; the revision is read first, so that it is never too new."""
    revision = await links.revision(tx)
    return Senders(await links.by_sender(tx), revision)


@dataclass(slots=True)
class LastKnown:
    """Every link as it was when last asked for: they are asked for again when they have changed."""

    senders: Senders = NO_SENDERS

    async def at(self, tx: Transaction, revision: int) -> Senders:
        """Return the links of this revision, or of a later one."""
        if self.senders.revision != revision:
            self.senders = await all_senders(tx)
        return self.senders


async def senders_of(tx: Transaction, headers: Iterable[Header]) -> Senders:
    """Return the links of these messages as they are now."""
    return Senders(await links.by_sender(tx, {k for h in headers for k in sender_keys(h)}))


def sender_keys(header: Header) -> tuple[str, str]:
    """Return by what a sender may be known: its fields whole, and their first components."""
    whole = sender_key(header.text(3), header.text(4))
    return whole, sender_key(header.component(3, 1), header.component(4, 1))


def first_link(known: Known, keys: Iterable[str]) -> Link | None:
    """Return the link of the first key that one clinic alone claims."""
    return next((link for key in keys if (link := known.get(key))), None)
