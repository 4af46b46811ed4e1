"""The SDK of the object store, loaded when it is first used, and how it signs a part."""

from __future__ import annotations

import functools
import importlib
from typing import Any, NamedTuple

_USUAL = frozenset({"v4", "s3v4"})
_PART_SIGNATURE = "waterclock-part"


class Sdk(NamedTuple):
    aioboto3: Any
    session: Any
    config: Any
    loader: Any  # of the description of S3; it remembers what it has read
    errors: tuple[type[Exception], ...]


@functools.cache
def loaded() -> Sdk:
    """Imported by the first backup, in a thread: it takes more than a second, and a worker that makes none need not."""
    loader = importlib.import_module("botocore.loaders").create_loader()
    loader.list_available_services("service-2")
    for description in ("service-2", "endpoint-rule-set-1"):
        loader.load_service_model("s3", description)
    for description in ("endpoints", "partitions"):
        loader.load_data(description)
    errors, http = importlib.import_module("botocore.exceptions"), importlib.import_module("aiohttp")
    _learn_to_sign_parts(importlib.import_module("botocore.auth"))
    return Sdk(
        aioboto3=importlib.import_module("aioboto3"),
        session=importlib.import_module("aiobotocore.session"),
        config=importlib.import_module("botocore.config"),
        loader=loader,
        errors=(errors.ClientError, errors.BotoCoreError, http.ClientError, OSError),
    )


def signer_of(*, signature_version: str, **_: Any) -> str | None:
    """Which signature a part gets: the usual one, with the digest the part brings. Others are the SDK's own affair."""
    return _PART_SIGNATURE if signature_version in _USUAL else None


def _learn_to_sign_parts(auth: Any) -> None:
    """Otherwise the SDK reads and digests each part itself, in the event loop."""

    class PartAuth(auth.S3SigV4Auth):
        def payload(self, request: Any) -> str:
            return request.body.sha256

    auth.AUTH_TYPE_MAPS[_PART_SIGNATURE] = PartAuth
