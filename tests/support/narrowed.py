"""Claims that look up very little at once: what befalls sessions with very many executors befalls those with few."""

import hashlib

import pytest

from waterclock.log.commands import attempts

_BOUNDS = {
    b"LOOK_UPS_MOST = 1000 ": b"LOOK_UPS_MOST = 4 ",
    b"GROUPS_MOST, GROUPS_OF_QUEUE_MOST = 300, 100 ": b"GROUPS_MOST, GROUPS_OF_QUEUE_MOST = 4, 1 ",
}


def narrow_claims(patch: pytest.MonkeyPatch) -> bytes:
    """Have claims look up at most four names or groups; returns what the server knows their script by."""
    script = attempts._CLAIM  # pyright: ignore[reportPrivateUsage]
    text = script.source.text
    for bound, narrow in _BOUNDS.items():
        assert text.count(bound) == 1, bound
        text = text.replace(bound, narrow)
    sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
    patch.setattr(script, "source", script.source._replace(text=text, sha=sha))
    return sha
