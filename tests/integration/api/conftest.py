from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeAlias

import pytest

from tests.integration.api.rig import Rig, assembled_rig

MakeRig: TypeAlias = Callable[..., AbstractAsyncContextManager[Rig]]


@pytest.fixture
def rig(redis_url: str, migrated_postgres_url: str, key_prefix: str) -> MakeRig:
    """`async with rig() as api:` the API over an empty log and empty read models."""
    return partial(assembled_rig, redis_url, migrated_postgres_url, key_prefix)
