"""The secret of a key, `wck_<id>_<secret>`: made here, shown once, and stored as its hash."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from waterclock.kit.randomness import token

PREFIX = "wck_"
_FORM = re.compile(r"wck_([0-9a-v]{12})_([0-9a-v]{52})")


class Secret(NamedTuple):
    key_id: str
    text: str  # the whole of it

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.text.encode()).digest()


def new_secret() -> Secret:
    """One with 260 bits of chance, which is why a fast hash is enough."""
    key_id = token(12)
    return Secret(key_id, f"{PREFIX}{key_id}_{token(52)}")


def read_secret(text: str) -> Secret | None:
    found = _FORM.fullmatch(text)
    return None if found is None else Secret(found[1], text)
