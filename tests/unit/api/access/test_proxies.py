from __future__ import annotations

import pytest

from waterclock.kit.settings import SettingsError
from waterclock_api.access.proxies import address, trusted_networks


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("10.0.0.9", ["203.0.113.7"], ["10.0.0.0/8"], "203.0.113.7"),
        ("10.0.0.9", ["203.0.113.7"], [], "10.0.0.9"),
        ("192.0.2.1", ["203.0.113.7"], ["10.0.0.0/8"], "192.0.2.1"),
        ("10.0.0.9", ["6.6.6.6, 203.0.113.7, 10.1.1.1"], ["10.0.0.0/8"], "203.0.113.7"),
        ("10.0.0.9", ["6.6.6.6", "203.0.113.7"], ["10.0.0.0/8"], "203.0.113.7"),
        ("10.0.0.9", ["203.0.113.7, garbage"], ["10.0.0.0/8"], "10.0.0.9"),
        ("10.0.0.9", ["garbage, 10.2.2.2"], ["10.0.0.0/8"], "10.2.2.2"),
        ("10.0.0.9", ["10.2.2.2"], ["10.0.0.0/8"], "10.2.2.2"),
        ("10.0.0.9", [], ["10.0.0.0/8"], "10.0.0.9"),
        ("10.0.0.9", [""], ["10.0.0.0/8"], "10.0.0.9"),
        ("::1", ["2001:db8::5"], ["::1"], "2001:db8::5"),
        ("::ffff:10.0.0.9", ["203.0.113.7"], ["10.0.0.9"], "203.0.113.7"),
        ("10.0.0.9", ["fe80::1%a@203.0.113.7"], ["10.0.0.0/8"], "10.0.0.9"),
        ("10.0.0.9", ["fe80::1%\x1b[2J"], ["10.0.0.0/8"], "10.0.0.9"),
        ("unix", ["203.0.113.7"], ["10.0.0.0/8"], "unix"),
    ],
)
def test_only_what_a_trusted_proxy_adds_is_believed(
    peer: str, forwarded: list[str], trusted: list[str], found: str
) -> None:
    assert address(peer, forwarded, trusted_networks(trusted)) == found


@pytest.mark.parametrize("text", ["gateway", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_TRUSTED_PROXIES"):
        trusted_networks([text])
