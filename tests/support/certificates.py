"""Certificates made for a test: an authority, and what it signs for servers and their clients."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import trustme

from waterclock_dev.servers.ports import LOOPBACK

HERE = ("localhost", LOOPBACK)
DAY = dt.timedelta(days=1)


class Identity(NamedTuple):
    """Files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """`file` is its own certificate, by which others know what it signed."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / f"{name}.crt"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(self, name: str, hosts: Sequence[str] = HERE, *, lasts: dt.timedelta = 2 * DAY) -> Identity:
        """For a server at `hosts`, or a client; of one that lasts less than no time the end is past."""
        until = dt.datetime.now(dt.UTC) + lasts  # noqa: TID251
        issued = self._ca.issue_cert(*hosts, common_name=name, not_after=until)
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        identity.key.touch(0o600)  # libpq takes no key that others may read
        issued.private_key_pem.write_to_path(identity.key)
        issued.cert_chain_pems[0].write_to_path(identity.certificate)
        return identity
