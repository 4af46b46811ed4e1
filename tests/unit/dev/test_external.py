"""Servers that the environment names."""

import pytest

from waterclock.kit.settings import SettingsError, read
from waterclock_dev.servers.external import NAMES, Elsewhere

S3 = {
    "WATERCLOCK_S3_ENDPOINT": "http://127.0.0.1:9000",
    "WATERCLOCK_S3_BUCKET": "backups",
    "WATERCLOCK_S3_ACCESS_KEY": "key",
    "WATERCLOCK_S3_SECRET_KEY": "secret",
}


def test_the_bare_name_of_the_redis_url_is_read_too() -> None:
    assert read(Elsewhere, {"REDIS_URL": "redis://elsewhere"}).redis_url == "redis://elsewhere"
    assert read(Elsewhere, {}).redis_url is None


def test_a_bucket_is_used_when_all_of_it_is_named() -> None:
    bucket = read(Elsewhere, S3).bucket
    assert bucket is not None
    assert (bucket.endpoint, bucket.bucket) == ("http://127.0.0.1:9000", "backups")


@pytest.mark.parametrize("missing", list(S3)[1:])
def test_what_is_missing_of_a_bucket_is_named(missing: str) -> None:
    partial = {name: value for name, value in S3.items() if name != missing}
    with pytest.raises(SettingsError, match=f"{missing} is not"):
        _ = read(Elsewhere, partial).bucket


def test_every_variable_is_known_by_name() -> None:
    fields = {f"WATERCLOCK_{name.upper()}" for name in Elsewhere.__struct_fields__}
    assert set(NAMES) == fields | {"REDIS_URL"}
