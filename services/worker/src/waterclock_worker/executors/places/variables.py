"""The place `default` as variables describe it, where no file does."""

from __future__ import annotations

import re
from collections.abc import Mapping

from waterclock.kit.settings import FILE, SettingsError
from waterclock.model.places import DEFAULT
from waterclock_worker.executors.backup.params import ENDPOINT
from waterclock_worker.executors.places.place import REGION, Place
from waterclock_worker.executors.reach.references import Listed, listed_in

DATABASE_URL = "WATERCLOCK_BACKUP_DATABASE_URL"
BUCKET = "WATERCLOCK_S3_BUCKET"
ENDPOINT_URL = "WATERCLOCK_S3_ENDPOINT"
REGION_NAME = "WATERCLOCK_S3_REGION"
ACCESS_KEY = "WATERCLOCK_S3_ACCESS_KEY"
SECRET_KEY = "WATERCLOCK_S3_SECRET_KEY"  # noqa: S105 # nosec B105 # a variable's name
REFERENCES = "WATERCLOCK_BACKUP_REFERENCES"
_HINT = (
    f"(variables describe this place: {REFERENCES}=PATTERN@HOST lists references; a file that WATERCLOCK_PLACES names"
    " may describe it in their place)"
)
SECRETS = (DATABASE_URL, ACCESS_KEY, SECRET_KEY)
"""Those that may stand in a file, which `_FILE` behind the name names, and which each run reads."""
NAMES = (DATABASE_URL, BUCKET, ENDPOINT_URL, REGION_NAME, ACCESS_KEY, SECRET_KEY, REFERENCES)


def given(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those of the variables that say something."""
    return tuple(name for name in NAMES if environment.get(name) or (name in SECRETS and environment.get(name + FILE)))


def place_of_variables(environment: Mapping[str, str]) -> Place | None:
    """None, if there are none of them.

    Raises:
        SettingsError: one is wrong; the message names it and shows no secret.
    """
    if not given(environment):
        return None
    endpoint = environment.get(ENDPOINT_URL) or None
    if endpoint is not None and not re.fullmatch(ENDPOINT, endpoint):
        raise SettingsError(f"{ENDPOINT_URL} is not a URL like https://s3.example.com")
    try:
        references = listed_in(environment.get(REFERENCES, ""))
    except ValueError as error:
        raise SettingsError(f"{REFERENCES}: {error}") from None

    def own(variable: str) -> Listed | None:
        path = environment.get(variable + FILE)
        if not path:
            return Listed(pattern=f"env:{variable}") if environment.get(variable) else None
        if environment.get(variable):
            raise SettingsError(f"{variable} and {variable}{FILE} are both set: unset one of them")
        if not path.startswith("/"):
            raise SettingsError(
                f"{variable}{FILE}: {path!r} is no path from the root, such as /run/secrets/{variable.lower()}"
            )
        return Listed(pattern=f"file:{path}")

    return Place(
        name=DEFAULT,
        setting=REFERENCES,
        hint=_HINT,
        connection=own(DATABASE_URL),
        endpoint=endpoint,
        region=environment.get(REGION_NAME) or REGION,
        bucket=environment.get(BUCKET) or None,
        access_key=own(ACCESS_KEY),
        secret_key=own(SECRET_KEY),
        references=references,
        drills="sourceUnlisted",
    )
