"""What a backup may be asked, and where its secrets come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from waterclock.executors.context import GiveUp
from waterclock.executors.definition import declared
from waterclock_worker.executors import db_backup
from waterclock_worker.executors.backup.params import BackupParams
from waterclock_worker.executors.backup.postgres.dump import arguments_of
from waterclock_worker.executors.reach.references import redacted, secret_of
from waterclock_worker.registry import spec_of


def params(**given: Any) -> BackupParams:
    return msgspec.convert(given, BackupParams)


def test_the_executor_is_known_by_both_names_and_its_schema_refuses_plain_secrets() -> None:
    (found,) = [one for one in declared() if one.key == "db.backup"]
    schema = spec_of(found).params_schema

    assert found is db_backup.db_backup
    assert found.aliases == ("db:backup",)
    assert schema["additionalProperties"] is False
    assert {"database", "includeSchemas", "excludeTables", "compress", "uploadToS3", "partSizeMiB"} < set(
        schema["properties"]
    )
    for field in ("connection", "accessKey", "secretKey"):
        assert any("env:" in str(one.get("pattern")) for one in schema["properties"][field]["anyOf"])


@pytest.mark.parametrize(
    "given",
    [
        {"connection": "postgres://u:hush@h/x"},
        {"secretKey": "hush"},
        {"accessKey": "env:hush hush"},
        {"endpoint": "http://u:hush@h"},
        {"prefix": "../hush"},
        {"prefix": "a/../hush"},
        {"prefix": "/hush"},
        {"prefix": "hush/"},
        {"prefix": "hush\n"},
        {"database": ""},
        {"database": ".."},
        {"database": "hush\n"},
        {"includeSchemas": [""]},
        {"excludeTables": ["hush\0"]},
        {"partSizeMiB": 4},
        {"keepLast": 0},
        {"retentionDays": -1},
        {"uploadToS3": False},
        {"tempDir": "/hush"},
    ],
)
def test_what_does_not_fit_is_refused_and_not_shown(given: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        params(**given)

    assert "hush" not in str(raised.value)


def test_a_backup_that_is_not_uploaded_is_refused_in_words() -> None:
    with pytest.raises(msgspec.ValidationError, match="there is no backup"):
        params(uploadToS3=False)


def test_no_name_on_the_command_line_stands_alone() -> None:
    asked = params(includeSchemas=["--file=x", "-Z0"], excludeTables=["--host=y"], compress=False, lockTimeout=1.5)

    assert arguments_of(asked) == [
        "--format=custom",
        "--no-password",
        "--lock-wait-timeout=1500",
        "--compress=0",
        "--strict-names",
        "--schema=--file=x",
        "--schema=-Z0",
        "--exclude-table=--host=y",
    ]


def test_patterns_are_written_as_the_database_reads_them() -> None:
    asked = params(includeSchemas=["naïve"])

    assert arguments_of(asked)[-1] == "--schema=naïve".encode()
    assert arguments_of(asked, "WIN1252")[-1] == b"--schema=na\xefve"
    with pytest.raises(GiveUp, match=r"includeSchemas: a pattern holds a character that .*, EUC_JP, lacks"):
        arguments_of(params(includeSchemas=["naïve", "\N{WATER WAVE}"]), "EUC_JP")


def test_a_secret_is_read_where_its_reference_says(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from a file\n")

    assert secret_of("x", "env:NAME", {"NAME": "from the environment"}) == "from the environment"
    assert secret_of("x", "env:NAME", {"NAME": "of a Kubernetes Secret\r\n"}) == "of a Kubernetes Secret"
    assert secret_of("x", f"file:{file}", {}) == "from a file"


@pytest.mark.parametrize("reference", ["env:NOSUCH", "env:EMPTY", "env:NEWLINE", "file:/nosuch/file"])
def test_a_secret_that_is_not_there_is_told_by_field_and_reference(reference: str) -> None:
    with pytest.raises(GiveUp, match=f"secretKey: .*{reference.partition(':')[2]}"):
        secret_of("secretKey", reference, {"EMPTY": "", "NEWLINE": "\n"})


def test_secrets_are_redacted_from_what_programs_say() -> None:
    assert redacted("user u, password hush", ("hush",)) == "user u, password [secret]"
