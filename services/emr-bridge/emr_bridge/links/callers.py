"""Which connections speak for which link now: for its limit, and to answer later on one of them."""

from emr_bridge.domain.link import Link
from emr_bridge.ports import Caller


class Callers:
    """The open connections of this process, by the links that their messages named."""

    def __init__(self) -> None:
        """Know nobody yet."""
        self._of_link: dict[str, set[Caller]] = {}
        self._links: dict[Caller, set[str]] = {}

    def admit(self, caller: Caller, link: Link | None) -> bool:
        """Tell whether a connection may speak for a link; what is within its limit is remembered."""
        if link is None or link.id in self._links.get(caller, ()):
            return True
        limit = link.dialect.max_connections
        open_now = self._of_link.setdefault(link.id, set())
        if limit is not None and len(open_now) >= limit:
            return False
        open_now.add(caller)
        self._links.setdefault(caller, set()).add(link.id)
        return True

    def forget(self, caller: Caller) -> None:
        """Forget a connection that is closed."""
        for link_id in self._links.pop(caller, ()):
            rest = self._of_link[link_id]
            rest.discard(caller)
            if not rest:
                del self._of_link[link_id]

    def links(self) -> list[str]:
        """Return the links that somebody speaks for now."""
        return list(self._of_link)

    def send(self, link_id: str, message: bytes) -> bool:
        """Send a message on one of a link's connections; False when none takes it."""
        return any(caller.send(message) for caller in list(self._of_link.get(link_id, ())))
