"""The SDK of the object store, loaded when it is first used, and how it signs a part."""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from waterclock.executors.lifespans import lifespan
from waterclock_worker.executors.backup.place import Place

_USUAL = frozenset({"v4", "s3v4"})
_PART_SIGNATURE = "waterclock-part"
_OURS_TO_READ = frozenset({"ca_bundle", "data_path"})
_OF_AMAZON = frozenset({"use_dualstack_endpoint", "use_fips_endpoint"})


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


@lifespan
async def sdk_in_process() -> AsyncIterator[Sdk]:
    """Loaded outside any run: it sets importers, filters of warnings and loggers of the whole process, for good."""
    yield await asyncio.to_thread(loaded)


def variables_of(place: Place) -> dict[str, tuple[Any, ...]]:
    """The SDK's settings, and where it reads each: from the environment, `~/.aws`, or nowhere but its default.

    A place that names its keys says all there is to say: a profile, or a file that lacks it, is another program's. What
    opens a store by the role of this machine is read as the SDK does.
    """
    if place.access_key is None:
        return {}
    known = importlib.import_module("botocore.configprovider").BOTOCORE_DEFAUT_SESSION_VARIABLES
    kept = _OURS_TO_READ if place.endpoint else _OURS_TO_READ | _OF_AMAZON
    nowhere: dict[str, tuple[Any, ...]] = {
        name: (None, None, *rest) for name, (_, _, *rest) in known.items() if name not in kept
    }
    return nowhere | dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))


def signer_of(*, signature_version: str, **_: Any) -> str | None:
    """Which signature a part gets: the usual one, with the digest the part brings. Others are the SDK's own affair."""
    return _PART_SIGNATURE if signature_version in _USUAL else None


def _learn_to_sign_parts(auth: Any) -> None:
    """Otherwise the SDK reads and digests each part itself, in the event loop."""

    class PartAuth(auth.S3SigV4Auth):
        def payload(self, request: Any) -> str:
            return request.body.sha256

    auth.AUTH_TYPE_MAPS[_PART_SIGNATURE] = PartAuth
