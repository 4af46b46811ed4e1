"""The users of the log that `deploy/valkey` gives each service, on servers of a test's own."""

import os
import re
import secrets
import subprocess
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.pages import README
from tests.support.reach import Name, Reach, reach

FOLDER = README.parent / "deploy/valkey"
SERVICES = {
    "api": (Name("waterclock_api.main", "_serve_api"),),
    "projector": (Name("waterclock_api.projector_main", "_project"),),
    "scheduler": (Name("waterclock_scheduler.main", "_serve"),),
    "worker": (Name("waterclock_worker.main", "serve"),),
    "notifier": (Name("waterclock_api.notifier_main", "_notify"),),
    "operator": (
        Name("waterclock_api.operator.migrate", "_migrate"),
        Name("waterclock_api.operator.doctor", "doctor"),
        Name("waterclock_api.operator.reconcile", "reconcile"),
        Name("waterclock_api.operator.restore", "restore"),
    ),
}
"""Where the work of each user begins."""
_USER = re.compile(r"^user waterclock-(\w+) (.*)$", re.MULTILINE)


class Users(NamedTuple):
    """A file of users, with new passwords; beside those of the services one that may do everything, `admin`."""

    acl_file: Path
    passwords: dict[str, str]

    def url(self, server: str, name: str) -> str:
        """The server's URL for a user."""
        at = urlsplit(server)
        return at._replace(netloc=f"waterclock-{name}:{self.passwords[name]}@{at.hostname}:{at.port}").geturl()


def make_users(folder: Path, *, prefix: str, more: dict[str, str] | None = None, server: str | Path = "true") -> Users:
    """As `start.sh` makes them before it starts `server`; `more` are second passwords."""
    passwords = {name: secrets.token_urlsafe(24) for name in SERVICES}
    folder.mkdir()
    for name, password in passwords.items():
        (folder / f"valkey-{name}").write_text("\n".join(filter(None, (password, (more or {}).get(name)))))
    users = Users(folder / "users.acl", passwords)
    env = {"RULES": str(FOLDER / "users.acl"), "SECRETS": str(folder), "ACL_FILE": str(users.acl_file)}
    env |= {"WATERCLOCK_KEY_PREFIX": prefix, "PATH": os.environ["PATH"]}
    subprocess.run([FOLDER / "start.sh", server], env=env, check=True, timeout=30)
    users.passwords["admin"] = secrets.token_urlsafe(24)
    with users.acl_file.open("a") as file:
        file.write(f"user waterclock-admin on >{users.passwords['admin']} ~* &* +@all\n")
    return users


def rules() -> dict[str, list[str]]:
    """What the file says of each service's user, word by word."""
    return {name: rule.split() for name, rule in _USER.findall((FOLDER / "users.acl").read_text())}


def granted(name: str) -> set[str]:
    """The commands that a user may give."""
    return {word[1:] for word in rules()[name] if word.startswith("+")}


def reached(name: str) -> Reach:
    return reach(*SERVICES[name])
