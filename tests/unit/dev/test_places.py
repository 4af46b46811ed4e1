"""The file of places that `dev` and `demo` give their workers."""

from __future__ import annotations

from pathlib import Path

from waterclock_dev.places import FILE, reach
from waterclock_dev.servers.record import Bucket
from waterclock_dev.servers.roles import Roles
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.places.configuration import announced, read_places
from waterclock_worker.executors.places.file import FREE
from waterclock_worker.executors.places.site import site_of

BUCKET = Bucket(endpoint="http://127.0.0.1:9000", bucket="b", access_key="a", secret_key="hush-s3")
ROLES = Roles(
    reader="postgresql://reader:hush-reader@127.0.0.1:5432/waterclock",
    restorer="postgresql://restorer:hush-restorer@127.0.0.1:5432/scratch",
)
SUPERUSER = "postgresql://super:hush-super@127.0.0.1:5432/waterclock"


def test_workers_get_a_place_that_reads_by_one_role_and_restores_by_another(tmp_path: Path) -> None:
    given = {"WATERCLOCK_S3_BUCKET": "b", "WATERCLOCK_BACKUP_REFERENCES": "env:SHOP_*@127.0.0.1", "OTHER": "kept"}

    found = reach(tmp_path, given, bucket=BUCKET, postgres_url=SUPERUSER, roles=ROLES)

    (place,) = announced(read_places(found), found)
    assert (place.name, place.databases, place.drills, place.adhoc) == ("default", ("waterclock",), "scratch", True)
    assert set(place.free) == FREE
    assert [one.pattern for one in place.references] == ["env:SHOP_*"]
    assert site_of(read_places(found), "db.backup", BackupParams(), found).source.password == "hush-reader"
    assert found["OTHER"] == "kept"
    assert "hush-super" not in "".join(found.values())
    assert "hush" not in (tmp_path / FILE).read_text()


def test_on_anothers_server_drills_restore_there(tmp_path: Path) -> None:
    found = reach(tmp_path, {}, bucket=BUCKET, postgres_url=SUPERUSER, roles=None)

    (place,) = announced(read_places(found), found)
    assert place.drills == "source"


def test_the_url_and_the_region_of_the_environment_replace_ours(tmp_path: Path) -> None:
    given = {
        "WATERCLOCK_BACKUP_DATABASE_URL": "postgresql://u:p@shop.example/shop",
        "WATERCLOCK_S3_REGION": "eu-central-1",
    }
    found = reach(tmp_path, given, bucket=BUCKET, postgres_url=SUPERUSER, roles=ROLES)

    site = site_of(read_places(found), "db.backup", BackupParams(), found)
    assert (site.source.database, site.bucket.region) == ("shop", "eu-central-1")


def test_a_file_of_places_of_the_environment_is_taken_as_it_is(tmp_path: Path) -> None:
    given = {"WATERCLOCK_PLACES": "/run/places.toml", "WATERCLOCK_S3_BUCKET": "b"}

    assert reach(tmp_path, given, bucket=BUCKET, postgres_url=SUPERUSER, roles=ROLES) == given
    assert not (tmp_path / FILE).exists()
