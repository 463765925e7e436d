"""Who is calling."""

from ipaddress import IPv4Address, ip_network
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.request.client_address import LONGEST_ENTRY, ClientAddresses, cached_client, client_in, ipv4_bytes
from gateway.settings import parse_networks

TRUSTED = "10.0.0.0/8, 2001:db8:ffff::/48"


def scope(peer: str | None, *forwarded_for: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded_for]
    return {"type": "http", "client": (peer, 1234) if peer else None, "headers": headers}


def client(trusted: str, peer: str | None, *forwarded_for: str) -> str:
    return ClientAddresses(parse_networks(trusted)).client_of(scope(peer, *forwarded_for))[0].address


def test_without_trusted_proxies_the_peer_is_the_client_whatever_the_header_says() -> None:
    assert client("", "192.0.2.1", "198.51.100.7") == "192.0.2.1"


def test_an_untrusted_peer_is_the_client_whatever_the_header_says() -> None:
    assert client(TRUSTED, "192.0.2.1", "198.51.100.7") == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7, 10.1.1.1"], "198.51.100.7"),
        (["203.0.113.9", "198.51.100.7", "10.1.1.1, 10.2.2.2"], "198.51.100.7"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        (["[2001:db8::7]:443"], "2001:db8::7"),
        (['"[2001:db8::7]:443"'], "2001:db8::7"),
        (["fe80::1%eth0"], "fe80::1"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 2001:db8:ffff::1"], "198.51.100.7"),
        (["10.9.9.9, 10.8.8.8"], "10.9.9.9"),
        (["198.51.100.7, , "], "198.51.100.7"),
    ],
)
def test_behind_trusted_proxies_the_client_is_the_rightmost_address_that_is_not_one(
    forwarded_for: list[str], expected: str
) -> None:
    assert client(TRUSTED, "10.0.0.1", *forwarded_for) == expected


@pytest.mark.parametrize(
    "garbage", ["unknown", "_hidden", "1.2.3", "1.2.3.4.5", "\xff\xfe", "a" * 5000, "999.1.1.1", "[", "::g"]
)
def test_garbage_counts_for_the_trusted_hop_that_handed_it_on(garbage: str) -> None:
    assert client(TRUSTED, "10.0.0.1", f"198.51.100.7, {garbage}, 10.1.1.1") == "10.1.1.1"
    assert client(TRUSTED, "10.0.0.1", garbage) == "10.0.0.1"


def by_the_library(text: str) -> bytes | None:
    try:
        return IPv4Address(text).packed
    except ValueError:
        return None


@given(
    st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){3}", fullmatch=True) | st.text(max_size=20) | st.ip_addresses().map(str)
)
@example("01.2.3.4")
@example("1.2.3.4\0")
@example("1.2.3.4 ")
@example("\uff11.2.3.4")
@example("0x7f.0.0.1")
def test_the_short_way_to_an_ipv4_address_takes_what_the_library_takes(text: str) -> None:
    assert ipv4_bytes(text) == by_the_library(text)


@given(st.ip_addresses(v=4), st.lists(st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), max_size=3))
def test_networks_are_believed_as_the_library_reads_them(
    address: IPv4Address, trusted: list[tuple[IPv4Address, int]]
) -> None:
    networks = [ip_network(f"{base}/{length}", strict=False) for base, length in trusted]
    addresses = ClientAddresses((ip_network("2001:db8::/32"), *networks))
    assert addresses.is_proxy(str(address)) == any(address in network for network in networks)


def test_long_garbage_is_not_remembered() -> None:
    before = cached_client.cache_info().currsize
    assert client_in("1" * (LONGEST_ENTRY + 1)) is None
    assert client_in("fe80::1%" + "a" * 8_000) is None
    assert cached_client.cache_info().currsize == before


def test_without_a_header_a_trusted_proxy_calls_for_itself() -> None:
    assert client(TRUSTED, "10.0.0.1") == "10.0.0.1"


def test_a_peer_without_an_address_is_one_unknown_client() -> None:
    assert client(TRUSTED, None, "198.51.100.7") == "unknown"


def test_only_the_last_hops_of_an_endless_header_are_looked_at() -> None:
    assert client(TRUSTED, "10.0.0.1", ", ".join(["198.51.100.7"] + ["10.1.1.1"] * 10_000)) == "10.1.1.1"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_ipv6_clients_count_by_their_64_and_mapped_addresses_as_ipv4(address: str, key: str) -> None:
    found = client_in(address)
    assert found is not None
    assert found.limit_key == key
