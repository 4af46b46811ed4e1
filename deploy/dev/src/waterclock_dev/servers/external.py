"""Servers that the environment names instead of our own."""

import msgspec

from waterclock.kit.settings import PREFIX, SettingsError
from waterclock_dev.servers.record import Bucket


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of servers that are not ours to start; None where we start one."""

    redis_url: str | None = None
    postgres_url: str | None = None
    s3_endpoint: str | None = None
    s3_bucket: str | None = None
    s3_access_key: str | None = None
    s3_secret_key: str | None = None

    @property
    def bucket(self) -> Bucket | None:
        """
        Raises:
            SettingsError: an endpoint is named, but not all that is needed to use it.
        """
        if self.s3_endpoint is None:
            return None
        wanted = {
            "S3_BUCKET": self.s3_bucket,
            "S3_ACCESS_KEY": self.s3_access_key,
            "S3_SECRET_KEY": self.s3_secret_key,
        }
        given = {name: value for name, value in wanted.items() if value is not None}
        if missing := wanted.keys() - given.keys():
            raise SettingsError(f"{PREFIX}S3_ENDPOINT is set, but {PREFIX}{min(missing)} is not")
        return Bucket(
            endpoint=self.s3_endpoint,
            bucket=given["S3_BUCKET"],
            access_key=given["S3_ACCESS_KEY"],
            secret_key=given["S3_SECRET_KEY"],
        )


NAMES = (
    "REDIS_URL",
    *(f"{PREFIX}{name}" for name in ("REDIS_URL", "POSTGRES_URL")),
    *(f"{PREFIX}S3_{name}" for name in ("ENDPOINT", "BUCKET", "ACCESS_KEY", "SECRET_KEY")),
)
"""The variables it is read from: what starts servers of its own in any case leaves them out."""
