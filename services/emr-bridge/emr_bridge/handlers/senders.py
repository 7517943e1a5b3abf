"""Who sent a message: from the names in MSH-3 and MSH-4 to the link of a clinic."""

from collections.abc import Iterable, Mapping

from common.database import Transaction
from common.events.clinic import sender_key
from emr_bridge.domain.link import Link
from emr_bridge.formats.hl7v2.header import Header
from emr_bridge.store import links

MOST_REMEMBERED = 10_000
"""Senders may call themselves anything: what was looked up is forgotten above this."""

Known = Mapping[str, Link | None]


class Senders:
    """Links by what their EMRs call themselves, as they were at one revision of the links."""

    def __init__(self, known: Known, revision: int | None = None) -> None:
        """`revision` is None where only some links are known."""
        self.revision = revision
        self._known = known
        self._found: dict[tuple[bytes, ...], Link | None] = {}

    def link_of(self, header: Header) -> Link | None:
        """Return the link that a message came by, if one clinic alone claims its sender."""
        claimed = (header.raw(3), header.raw(4), header.encoding[:1])
        if claimed not in self._found:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            self._found[claimed] = first_link(self._known, sender_keys(header))
        return self._found[claimed]


async def all_senders(tx: Transaction) -> Senders:
    """Return every link as it is now; the revision is read first, so that it is never too new."""
    revision = await links.revision(tx)
    return Senders(await links.by_sender(tx), revision)


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
