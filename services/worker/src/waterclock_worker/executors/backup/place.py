"""Where backups go: a bucket, its endpoint and the keys to it, from the parameters and the worker's environment."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from waterclock.executors import GiveUp
from waterclock_worker.executors.backup.params import ENDPOINT, StoreParams
from waterclock_worker.executors.references import resolve

DATABASE_URL = "WATERCLOCK_BACKUP_DATABASE_URL"
BUCKET = "WATERCLOCK_S3_BUCKET"
ENDPOINT_URL = "WATERCLOCK_S3_ENDPOINT"
REGION = "WATERCLOCK_S3_REGION"
ACCESS_KEY = "WATERCLOCK_S3_ACCESS_KEY"
SECRET_KEY = "WATERCLOCK_S3_SECRET_KEY"  # noqa: S105 # nosec B105 # a variable's name
REFERENCES = "WATERCLOCK_BACKUP_REFERENCES"
_KEY = re.compile(r"[!-~]{1,256}")


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """An object store as we reach it: without `endpoint` Amazon's, without keys by the role of this machine."""

    bucket: str
    region: str
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        return tuple(one for one in (self.secret_key, self.access_key) if one)


def place_of(params: StoreParams, environment: Mapping[str, str]) -> Place:
    """
    Raises:
        GiveUp: a setting is missing or wrong; the message names it and shows no secret.
    """
    bucket = params.bucket or environment.get(BUCKET)
    if not bucket:
        raise GiveUp(f"no bucket: neither params.bucket nor {BUCKET} names one")
    endpoint = params.endpoint or environment.get(ENDPOINT_URL) or None
    if endpoint is not None and not re.fullmatch(ENDPOINT, endpoint):
        raise GiveUp(f"{ENDPOINT_URL} is not a URL like https://s3.example.com")
    access_key = _secret("accessKey", params.access_key, ACCESS_KEY, environment)
    secret_key = _secret("secretKey", params.secret_key, SECRET_KEY, environment)
    if (access_key is None) != (secret_key is None):
        missing = "accessKey" if access_key is None else "secretKey"
        raise GiveUp(f"{missing}: of the two keys only the other one is given")
    return Place(
        bucket=bucket,
        region=params.region or environment.get(REGION) or "us-east-1",
        endpoint=endpoint,
        access_key=access_key,
        secret_key=secret_key,
    )


def database_url(params: StoreParams, environment: Mapping[str, str]) -> str:
    """
    Raises:
        GiveUp: none is given.
    """
    if params.connection is not None:
        return resolve("connection", params.connection, environment, setting=REFERENCES)
    url = environment.get(DATABASE_URL)
    if not url:
        raise GiveUp(f"no connection: neither params.connection nor {DATABASE_URL} gives one")
    return url


def _secret(field: str, reference: str | None, variable: str, environment: Mapping[str, str]) -> str | None:
    secret = (
        environment.get(variable) or None
        if reference is None
        else resolve(field, reference, environment, setting=REFERENCES)
    )
    if secret is not None and _KEY.fullmatch(secret) is None:
        raise GiveUp(f"{field}: what is given cannot be a key")  # it would go into a header as it is
    return secret
