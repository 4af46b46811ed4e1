"""dev.json, and the hold on its folder."""

from pathlib import Path

import msgspec
import pytest

from waterclock_dev.servers.record import Bucket, FolderTaken, Record, held, read, write

RECORD = Record(
    api="http://127.0.0.1:8080",
    redis="redis://127.0.0.1:6379/0",
    postgres="postgresql://waterclock:secret@127.0.0.1:5432/waterclock",
    s3=Bucket(endpoint="http://127.0.0.1:9000", bucket="waterclock", access_key="key", secret_key="secret"),
    pids={"api": 1, "worker-1": 2},
)


def test_a_record_is_json_that_only_its_owner_reads(tmp_path: Path) -> None:
    write(tmp_path, RECORD)
    assert read(tmp_path) == RECORD
    found = msgspec.json.decode((tmp_path / "dev.json").read_bytes())
    assert found["s3"] == {
        "endpoint": "http://127.0.0.1:9000",
        "bucket": "waterclock",
        "accessKey": "key",
        "secretKey": "secret",
    }
    assert found["pids"] == {"api": 1, "worker-1": 2}
    assert (tmp_path / "dev.json").stat().st_mode & 0o777 == 0o600


def test_a_record_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write(tmp_path, RECORD)
    with (tmp_path / "dev.json").open() as old:
        write(tmp_path, msgspec.structs.replace(RECORD, pids={}))
        assert msgspec.json.decode(old.read(), type=Record) == RECORD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dev.json"]


def test_there_is_no_record_of_a_run_before_nor_after(tmp_path: Path) -> None:
    write(tmp_path, RECORD)
    with held(tmp_path):
        assert read(tmp_path) is None
        write(tmp_path, RECORD)
    assert read(tmp_path) is None


def test_a_folder_is_held_by_one_and_made_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with held(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(FolderTaken, match="another `waterclock dev` uses"), held(folder):
            pass
    with held(folder):
        pass
