"""Which addresses a request may be sent to."""

from __future__ import annotations

import pytest

from waterclock.kit.http.guard import Guard, Refused

INSIDE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1",
    "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::10.0.0.1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1",
    "ff02::1", "100::1", "5f00::1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1", "192.0.1.1", "223.255.255.255",
    "2606:4700:4700::1111", "2001:4860:4860::8888", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1",
]  # fmt: skip
MISSPELT = ["2130706433", "127.1", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "1.2.3", "localhost", "", "[::1]"]


@pytest.mark.parametrize("address", INSIDE + MISSPELT)
def test_what_leads_inside_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        Guard("").check("example.com", address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_what_is_public_passes(address: str) -> None:
    Guard("").check("example.com", address)


def test_a_refusal_says_what_the_address_is_and_what_would_allow_it() -> None:
    with pytest.raises(Refused, match=r"evil\.test resolves to 169\.254.*link-local.*WATERCLOCK_HTTP_ALLOW"):
        Guard("").check("evil.test", "169.254.169.254")


def test_networks_and_hosts_may_be_allowed() -> None:
    guard = Guard("10.1.0.0/16, 192.168.1.7,fd00:1::/32 , *.svc.cluster.local,Wiki.Internal.")

    for host, address in (
        ("anything", "10.1.2.3"),
        ("anything", "::ffff:10.1.2.3"),
        ("anything", "192.168.1.7"),
        ("anything", "fd00:1::5"),
        ("shop.svc.cluster.local", "10.9.9.9"),
        ("WIKI.internal", "127.0.0.1"),
    ):
        guard.check(host, address)
    for host, address in (
        ("anything", "10.2.0.1"),
        ("anything", "192.168.1.8"),
        ("svc.cluster.local", "10.9.9.9"),
        ("wiki.internal.evil.test", "127.0.0.1"),
    ):
        with pytest.raises(Refused):
            guard.check(host, address)


@pytest.mark.parametrize(
    "entry", ["bücher.internal", "BÜCHER.internal.", "*.internal", "xn--bcher-kva.internal", "bü*.internal"]
)
def test_a_host_beyond_ascii_may_be_allowed_as_a_person_writes_it(entry: str) -> None:
    Guard(entry).check("xn--bcher-kva.internal", "10.0.0.1")
    with pytest.raises(Refused):
        Guard(entry).check("xn--bcher-kva.example", "10.0.0.1")


@pytest.mark.parametrize("entry", ["10.0.0.5/8", "300.0.0.0/8", "http://wiki", "wiki:8080"])
def test_a_setting_that_means_nothing_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="WATERCLOCK_HTTP_ALLOW"):
        Guard(f"10.0.0.0/8,{entry}")
