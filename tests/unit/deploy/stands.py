"""Where the files of `deploy/` are, and what is known of the settings that they give."""

import functools
import re
import sys
from pathlib import Path

from tests.support.repository import DOCS, ROOT

DEPLOY = ROOT / "deploy"


def program(name: str) -> Path:
    """A program of the locked toolchain: beside the interpreter, not whatever is on the path."""
    found = Path(sys.executable).with_name(name)
    assert found.exists(), f"{name} is not in the environment: `make` installs it"
    return found


@functools.cache
def log_users() -> frozenset[str]:
    """The users of the log that services may name."""
    return frozenset(re.findall(r"^user (waterclock-\w+) on ", (DEPLOY / "valkey/users.acl").read_text(), re.MULTILINE))


@functools.cache
def archive_roles() -> frozenset[str]:
    """The roles that there are at Postgres once `roles.sql` has run."""
    return frozenset(
        re.findall(r"^ALTER ROLE (\w+) .*PASSWORD", (DEPLOY / "postgres/roles.sql").read_text(), re.MULTILINE)
    )


@functools.cache
def known_settings() -> frozenset[str]:
    """Every variable that the page of settings names; that page is made from the code."""
    return frozenset(re.findall(r"`(WATERCLOCK_[A-Z0-9_]+)`", (DOCS / "reference" / "settings.md").read_text()))
