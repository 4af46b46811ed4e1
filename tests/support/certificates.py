"""Certificates made for a test: an authority, and what it signs for servers and their clients."""

import datetime as dt
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from waterclock_dev.servers.ports import LOOPBACK

HERE = ("localhost", LOOPBACK)
DAY = dt.timedelta(days=1)
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


class Identity(NamedTuple):
    """Files of a certificate and of its key."""

    certificate: Path
    key: Path


class Authority:
    """`file` is its own certificate, by which others know what it signed."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.crt"
        builder = self._builder(name, self._key.public_key(), 2 * DAY, signs=True)
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._write(self.file, builder.add_extension(basic, critical=True))

    def issue(self, name: str, hosts: Sequence[str] = HERE, *, lasts: dt.timedelta = 2 * DAY) -> Identity:
        """For a server at `hosts`, or a client; of one that lasts less than no time the end is past."""
        key = ec.generate_private_key(ec.SECP256R1())
        identity = Identity(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        identity.key.touch(0o600)  # libpq takes no key that others may read
        identity.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        names = x509.SubjectAlternativeName([_general(host) for host in hosts])
        builder = self._builder(name, key.public_key(), lasts, signs=False).add_extension(names, critical=False)
        self._write(identity.certificate, builder)
        return identity

    def _builder(
        self, name: str, key: ec.EllipticCurvePublicKey, lasts: dt.timedelta, *, signs: bool
    ) -> x509.CertificateBuilder:
        """With all that RFC 5280 wants, for from Python 3.13 on OpenSSL is asked to be strict."""
        now = dt.datetime.now(dt.UTC)  # noqa: TID251
        uses = dict.fromkeys(_USES, False) | ({"key_cert_sign": True} if signs else {"digital_signature": True})
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(_named(self._name))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + lasts)
            .add_extension(x509.KeyUsage(**uses), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(ours, critical=False)
        )

    def _write(self, file: Path, builder: x509.CertificateBuilder) -> None:
        file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
