"""Where our workers may reach: the place `default`, described as for any other worker, in a file of its own."""

import json
from collections.abc import Mapping
from pathlib import Path

from waterclock.kit.settings import PREFIX
from waterclock_dev.servers.record import Bucket
from waterclock_dev.servers.roles import Roles
from waterclock_worker.executors.places import configuration, variables
from waterclock_worker.executors.places.file import FREE

FILE = "places.toml"
_DATABASE, _SCRATCH = f"{PREFIX}DEV_DATABASE_URL", f"{PREFIX}DEV_SCRATCH_URL"
_ACCESS, _SECRET = f"{PREFIX}DEV_S3_ACCESS_KEY", f"{PREFIX}DEV_S3_SECRET_KEY"


def reach(
    folder: Path, environment: Mapping[str, str], *, bucket: Bucket, postgres_url: str, roles: Roles | None
) -> dict[str, str]:
    """The environment of a worker that may reach these; the file lies in `folder`.

    Without `roles` the server is another's, and drills restore there. Who names a file of places has it as it is.
    """
    if environment.get(configuration.FILE):
        return dict(environment)
    own = roles.reader if roles is not None else postgres_url
    members: dict[str, object] = {
        "connection": f"env:{_DATABASE}",
        "endpoint": bucket.endpoint,
        "bucket": bucket.bucket,
        "accessKey": f"env:{_ACCESS}",
        "secretKey": f"env:{_SECRET}",
        "free": sorted(FREE),  # whoever can ask us anything is the developer
        "adhoc": True,
        **({"drills": "source"} if roles is None else {"scratch": f"env:{_SCRATCH}"}),
    }
    if region := environment.get(f"{PREFIX}S3_REGION"):
        members["region"] = region
    if listed := environment.get(f"{PREFIX}BACKUP_REFERENCES"):
        members["references"] = [one.strip() for one in listed.split(",") if one.strip()]
    file = folder / FILE
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in members.items()]
    file.write_text("".join(["[default]\n", *lines]), "utf-8")
    secrets = {
        _DATABASE: environment.get(f"{PREFIX}BACKUP_DATABASE_URL") or own,
        _ACCESS: bucket.access_key,
        _SECRET: bucket.secret_key,
        **({} if roles is None else {_SCRATCH: roles.restorer}),
    }
    kept = {name: value for name, value in environment.items() if name not in variables.NAMES}
    return {**kept, **secrets, configuration.FILE: str(file)}
