from collections.abc import Sequence

import pytest

from notifications.channels.destinations import Destinations, Forbidden


def rule(*addresses: str, allow_loopback: bool = False) -> Destinations:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return Destinations(allow_loopback=allow_loopback, resolve_host=resolve)


async def test_a_public_https_endpoint_is_connected_to_at_the_address_that_was_checked() -> None:
    target = await rule("93.184.215.14").resolve("https://clinic.example/hook?x=1")
    assert str(target.url) == "https://93.184.215.14/hook?x=1"
    assert (target.host, target.server_name) == ("clinic.example", "clinic.example")


async def test_an_ipv6_address_is_bracketed() -> None:
    target = await rule("2606:4700::6810").resolve("https://clinic.example:8443/")
    assert target.url.host == "2606:4700::6810"
    assert target.host == "clinic.example:8443"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.8",
        "172.16.4.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fd00::1",
        "fe80::1",
        "::ffff:10.0.0.1",
        "::ffff:100.64.0.1",
        "ff02::1",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::1",
    ],
)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Forbidden, match="private_address"):
        await rule(address).resolve("https://clinic.example/")


async def test_one_private_address_among_public_ones_is_refused() -> None:
    with pytest.raises(Forbidden, match="private_address"):
        await rule("93.184.215.14", "10.0.0.8").resolve("https://clinic.example/")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://clinic.example/", "not_https"),
        ("ftp://clinic.example/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://clinic.example/", "scheme"),
        ("https://clinic.example:22/", "port"),
        ("https://user:pw@clinic.example/", "credentials_in_url"),
        ("https://", "scheme"),
        ("https://clinic.example:port/", "not_a_url"),
        ("https://clinic.example@10.0.0.1/", "credentials_in_url"),
        ("javascript:alert(1)", "scheme"),
        ("//clinic.example/", "scheme"),
    ],
)
async def test_anything_but_plain_https_is_refused(url: str, code: str) -> None:
    with pytest.raises(Forbidden, match=code):
        await rule("93.184.215.14").resolve(url)


async def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(Forbidden, match="unknown_host"):
        await rule().resolve("https://clinic.example/")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9999/", "http://localhost/", "http://2130706433/"]
)
async def test_this_machine_is_called_only_where_that_is_allowed(url: str) -> None:
    allowed = Destinations(allow_loopback=True)
    assert (await allowed.resolve(url)).url.host in {"127.0.0.1", "::1"}
    with pytest.raises(Forbidden):
        await Destinations().resolve(url)


async def test_allowing_this_machine_allows_no_other_private_one() -> None:
    with pytest.raises(Forbidden, match="not_https"):
        await rule("10.0.0.8", allow_loopback=True).resolve("http://clinic.example/")


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "2130706433",
        "0x7f000001",
        "localhost.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "169.254.169.254",
        "2852039166",
    ],
)
async def test_no_way_of_writing_a_private_address_is_called(host: str) -> None:
    with pytest.raises(Forbidden, match=r"private_address|unknown_host|not_a_url"):
        await Destinations().resolve(f"https://{host}/")


async def test_a_name_that_no_resolver_can_take_is_refused_and_breaks_nothing() -> None:
    with pytest.raises(Forbidden, match=r"unknown_host|not_a_url"):
        await Destinations().resolve(f"https://{'a' * 70}.example/")


async def test_a_name_that_changes_its_address_is_checked_again_for_every_attempt() -> None:
    answers = iter([["93.184.215.14"], ["10.0.0.8"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    endpoint = Destinations(resolve_host=rebinding)
    assert (await endpoint.resolve("https://clinic.example/")).url.host == "93.184.215.14"
    with pytest.raises(Forbidden, match="private_address"):
        await endpoint.resolve("https://clinic.example/")
