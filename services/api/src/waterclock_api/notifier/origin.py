"""From which place a notifier tells: by its settings alone, so that a failover leads to no other."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from waterclock.log.client import LogSettings
from waterclock.log.connection.addresses import Address, deployment_of
from waterclock.store.notices.origin import Origin


def origin_of(log: LogSettings, public_url: str | None) -> Origin:
    return Origin(_public(public_url), _address(log.url), log.prefix)


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
