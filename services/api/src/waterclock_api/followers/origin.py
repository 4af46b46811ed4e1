"""From which place a notifier tells: by its settings alone, so that a failover leads to no other."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from waterclock.log.client import LogSettings
from waterclock.log.connection.addresses import Address, deployment_of
from waterclock.store.notices.origin import Origin

_PLACE = re.compile(r"[^A-Za-z0-9._~:@-]")


def origin_of(log: LogSettings, public_url: str | None) -> Origin:
    return Origin(_public(public_url), _address(log.url), log.prefix)


def source_of(public_url: str | None, name: str) -> str:
    """What CloudEvents name as their source, a URI reference. `name`: of an installation without a public URL."""
    return public_url or f"urn:waterclock:{_PLACE.sub(lambda found: quote(found[0]), name)}"


def _address(url: str) -> str:
    """Where the servers are, in one order; of a loopback host without the port, which the next start may change."""
    found = deployment_of(url)
    if found.target.socket:
        return found.target.url
    servers = [one.address for one in found.sentinels] or list(found.seeds)
    names = ",".join(sorted(_named(server) for server in servers))
    database = int(found.target.options.get("db", 0))
    return "/".join((names, *filter(None, (found.master, str(database) if database else ""))))


def _named(server: Address) -> str:
    return "loopback" if _is_loopback(server.host) else str(server)


def _public(url: str | None) -> str:
    """The URL as one writes it or another: without a slash at its end; of a loopback host without the port."""
    if not url:
        return ""
    parts = urlsplit(url.rstrip("/"))
    host = parts.hostname or ""
    if _is_loopback(host):
        return f"{parts.scheme}://loopback{parts.path}"
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.rpartition("@")[2].lower()).geturl()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
