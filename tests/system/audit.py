"""Whether the books balance after a fault: every question of the promise, each answered by what is wrong."""

import asyncio
from typing import Any

from tests.system.books import Books, hexed
from tests.system.traffic import Traffic
from tests.system.world import Outside


async def settled(books: Books, *, seconds: float = 60) -> bool:
    """Wait until nothing is under way and every record is handled; return whether that came."""
    try:
        async with asyncio.timeout(seconds):
            while not await _is_still(books):  # noqa: ASYNC110 - other processes are waited for
                await asyncio.sleep(0.5)
    except TimeoutError:
        return False
    return True


async def _is_still(books: Books) -> bool:
    if not await asyncio.to_thread(books.is_quiet):
        return False
    await asyncio.sleep(0.5)
    return await asyncio.to_thread(lambda: books.is_quiet() and not books.unhandled())


def wrongs(outside: Outside, books: Books, traffic: Traffic) -> dict[str, Any]:
    """Return what does not balance; empty when every promise was kept."""
    posted = books.count("intake", "SELECT count(*) FROM referrals WHERE door='rest'")
    found = {
        "acknowledged and not one thing": books.unaccounted(traffic.acknowledged),
        "created twice": [key for key, ids in traffic.created.items() if len(ids) != 1],
        "created and not told, or told and not created": posted - len(traffic.created),
        "never published": books.unpublished(),
        "never handled": books.unhandled(),
        "published before their referral": books.out_of_order(),
        "shown otherwise than owned": books.copies_that_differ(),
        "confirmed twice": books.confirmed_twice(),
        "notices without their promise": books.without_promise(),
        "told twice": told_twice(outside, books),
        "referrals without a promise": unpromised(books),
        "referrals with two notices of their receipt": noticed_twice(books),
        "dead letters": sum(
            books.count(service, "SELECT count(*) FROM dead_letters")
            for service in ("intake", "emr-bridge", "notifications")
        ),
    }
    return {question: answer for question, answer in found.items() if answer}


def told_twice(outside: Outside, books: Books) -> dict[str, list[str]]:
    """Return what a far side got twice, under which names: a repeat under one name is its own to drop."""
    known = dict(books.rows("notifications", "SELECT id, notice_id FROM deliveries"))
    query = "SELECT a.id, d.notice_id FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"
    known |= dict(books.rows("notifications", query))
    query = "SELECT delivery_id, control_id FROM outbound WHERE part='report'"
    there = {received.control_id for received in outside.emr.received}
    told = [
        (known[hexed(label)], f"fax {fax.id} of attempt {label}")
        for fax in outside.gateway.faxes
        for label in fax.request.labels.values()
        if fax.status == "COMPLETED"
    ]
    told += [
        (known[delivery_id], f"message {control_id} of delivery {delivery_id}")
        for delivery_id, control_id in books.rows("emr-bridge", query)
        if control_id in there
    ]
    told += [
        (known[hexed(name)], f"webhook {name}") for name in {e.id for e in outside.hook.events}
    ]
    names: dict[str, list[str]] = {}
    for notice, name in told:
        names.setdefault(notice, []).append(name)
    return {notice: given for notice, given in names.items() if len(given) > 1}


def unpromised(books: Books) -> int:
    """Return how many referrals were received and nobody owes their clinic a word."""
    received = {hexed(e["subject"]) for e in books.events() if e["type"] == "referral.received.v1"}
    query = "SELECT referral_id FROM promises WHERE kind='referral_received'"
    return len(received - {hexed(r) for (r,) in books.rows("notifications", query)})


def noticed_twice(books: Books) -> int:
    """Return how many referrals were received once and noticed more often: an event handled twice."""
    return books.count(
        "notifications",
        "SELECT count(*) FROM (SELECT referral_id FROM notices WHERE name='referral_received' "
        "GROUP BY referral_id HAVING count(*) > 1) twice",
    )


def counts(books: Books, traffic: Traffic, *, kills: int) -> str:
    """Return the line that every run prints."""
    repeated = books.count("emr-bridge", "SELECT coalesce(sum(duplicates), 0) FROM messages")
    notices = books.count("notifications", "SELECT count(*) FROM notices")
    lost = len(books.unaccounted(traffic.acknowledged))
    return (
        f"{kills} kills, {len(traffic.acknowledged)} messages acknowledged, "
        f"{len(traffic.created)} posted, {traffic.repeats} sent again, "
        f"duplicates absorbed: {repeated} messages and {books.repeats()} records, "
        f"{notices} notices, lost = {lost}"
    )
