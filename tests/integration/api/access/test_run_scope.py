"""What a key of each scope may send, through each door, of each parameter of the executors that are built in."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Literal, NamedTuple

import httpx
import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, NOOP, RUNS, Rig, Worker
from waterclock.executors.definition import declared
from waterclock.kit.telemetry.repeated_lines import tell_all
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.authority import HTTP
from waterclock.model.places import PLACED, PlaceSpec, ReferenceSpec, accepted
from waterclock_api.access.scopes import SCOPES
from waterclock_api.operator.diagnostics.checks import Finding
from waterclock_api.operator.diagnostics.places import of_jobs
from waterclock_api.operator.doctor import exit_code
from waterclock_worker.executors.db_backup import db_backup
from waterclock_worker.executors.http_request import http_request
from waterclock_worker.executors.restore_drill import restore_drill
from waterclock_worker.registry import GROUP, spec_of

BACKUP, DRILL = "db.backup", "db.restore-drill"
LISTED = (ReferenceSpec(pattern="env:BOOKS_*", hosts=True),)
SPECS: dict[str, ExecutorSpec] = {
    BACKUP: msgspec.structs.replace(spec_of(db_backup), placed=True),
    DRILL: msgspec.structs.replace(spec_of(restore_drill), placed=True),
    HTTP: msgspec.structs.replace(spec_of(http_request), references=LISTED),
}
STORED: dict[str, dict[str, Any]] = {
    BACKUP: {"database": "books", "retentionDays": 30, "keepLast": 3},
    DRILL: {"database": "books"},
    HTTP: {
        "url": "https://books.example/hook",
        "method": "POST",
        "json": {"n": 1},
        "headers": {"Authorization": {"from": "env:BOOKS_TOKEN", "prefix": "Bearer "}},
    },
}


class Choice(NamedTuple):
    """A parameter: what it chooses, a value that workers would take, and one that none would, if there is such.

    Of what is `never` written there is none that they would take, beside the default.
    """

    what: Literal["place", "secret", "destructive", "else", "never"]
    within: Any
    outside: Any = None


PLACES: dict[str, Choice] = {
    "place": Choice("place", "other", "nowhere"),
    "database": Choice("place", "orders", "postgres"),
    "connection": Choice("secret", "env:BOOKS_URL", "env:SECRET_URL"),
    "bucket": Choice("place", "kept", "mine"),
    "prefix": Choice("place", "team/other", "elsewhere"),
    "endpoint": Choice("place", "https://s3.books.example", "http://my-s3:9000"),
    "region": Choice("place", "eu-1", "us-9"),
    "accessKey": Choice("secret", "env:BOOKS_KEY", "env:AWS_KEY"),
    "secretKey": Choice("secret", "env:BOOKS_SECRET", "file:/etc/shadow"),
}
CHOICES: dict[str, dict[str, Choice]] = {
    BACKUP: PLACES
    | {
        "includeSchemas": Choice("destructive", ["public"]),
        "excludeTables": Choice("destructive", ["*"]),
        "compress": Choice("destructive", False),
        "uploadToS3": Choice("never", False),
        "cleanupOldBackups": Choice("destructive", False),
        "retentionDays": Choice("destructive", 9, 0),
        "keepLast": Choice("destructive", 5, 1),
        "verify": Choice("destructive", False),
        "partSizeMiB": Choice("destructive", 64),
        "lockTimeout": Choice("destructive", 5),
    },
    DRILL: PLACES
    | {
        "target": Choice("secret", "env:BOOKS_SCRATCH", "env:PRODUCTION"),
        "compareWithSource": Choice("place", True),
        "maxAge": Choice("destructive", 5),
    },
    HTTP: {
        "url": Choice("place", "https://mine.example"),
        "method": Choice("destructive", "DELETE"),
        "headers": Choice("secret", {"X-Mine": {"from": "env:BOOKS_KEY"}}, {"X-Mine": {"from": "env:HOME"}}),
        "json": Choice("else", {"n": 2}),
        "text": Choice("else", "n"),
        "expect": Choice("place", [302]),
        "timeout": Choice("else", 5),
        "redirects": Choice("place", 3),
        "sign": Choice("secret", {"key": "env:BOOKS_KEY"}, {"key": "file:/etc/shadow"}),
        "keepHeaders": Choice("secret", ["set-cookie"]),
        "keepBody": Choice("secret", 32768),
    },
}
HARMLESS = {"demo.noop", "demo.sleep", "demo.steps", "demo.fail"}
"""Executors that reach nothing."""


def place(name: str, **more: Any) -> PlaceSpec:
    """A place that takes each value above that lies within."""
    own = {member: choice.within for member, choice in PLACES.items() if member in {"bucket", "endpoint", "region"}}
    said: dict[str, Any] = {
        "databases": ("books", "orders"),
        "prefix": "team",
        "retention_days": 7,
        "keep_last": 2,
        "drills": "scratch",
        "references": LISTED,
        "accepts": {member: (accepted(name, member, value),) for member, value in own.items()},
    }
    return PlaceSpec(name=name, **(said | more))


def members(key: str) -> dict[str, Any]:
    return SPECS[key].params_schema["properties"]


def cases() -> Iterator[tuple[str, str, Choice]]:
    for key, choices in CHOICES.items():
        for member in members(key):
            yield key, member, choices[member]


def test_every_parameter_of_the_built_in_executors_is_classified() -> None:
    modules = {point.load().__name__ for point in entry_points(group=GROUP) if point.value.startswith("waterclock_")}
    built_in = [one for one in declared() if one.function.__module__ in modules]
    assert {one.key for one in built_in} == {"db.backup", "db.restore-drill", HTTP}
    for one in built_in:
        if one.key in HARMLESS:
            continue
        spec = spec_of(one)
        assert set(spec.params_schema.get("properties", {})) <= set(CHOICES[one.key]), one.key
        assert spec.key == HTTP or {spec.key, *spec.aliases} <= PLACED


class Doors(NamedTuple):
    api: Rig
    worker: Worker
    jobs: dict[str, str]
    keys: dict[str, dict[str, str]]

    async def post(self, who: str, path: str, body: dict[str, Any]) -> httpx.Response:
        return await self.api.http.post(path, json=body, headers=self.keys[who])

    async def trigger(self, who: str, key: str, params: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.post(who, f"{JOBS}/{self.jobs[key]}/trigger", {"params": params} | more)

    async def request(self, who: str, target: str, params: dict[str, Any], query: str = "") -> httpx.Response:
        return await self.post(who, RUNS + query, {"invokeTarget": target, "params": params})


async def opened(
    api: Rig, *, places: tuple[PlaceSpec, ...] | None = None, specs: dict[str, ExecutorSpec] = SPECS
) -> Doors:
    worker = await api.worker(*specs.values(), NOOP, places=places or (place("default"), place("other")))
    jobs: dict[str, str] = {}
    for key, params in STORED.items():
        made = await api.create(jobName=key, invokeTarget=key, invokeParams=params, concurrent="0")
        jobs[key] = made["id"]
        assert made["notes"] == []
    keys: dict[str, dict[str, str]] = {}
    for scope in SCOPES:
        keys[scope] = {"Authorization": f"Bearer {await api.key(scope, name=scope)}"}
    keys["run+edit"] = {"Authorization": f"Bearer {await api.key('run', 'edit', name='both')}"}
    return Doors(api, worker, jobs, keys)


def refused(response: httpx.Response, *pointers: str) -> None:
    """A 403 that names the scope and what is sent."""
    assert response.status_code == 403, response.text
    assert 'scope="edit"' in response.headers["www-authenticate"]
    assert response.json()["type"].endswith("#forbidden")
    assert "scope 'edit'" in response.json()["detail"]
    found = {error["pointer"] for error in response.json()["errors"]}
    assert found >= set(pointers), response.text


async def test_what_each_parameter_takes_through_each_door(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        made: dict[str, tuple[str, str, Choice]] = {}
        for key, member, choice in cases():
            asked = {name: one for name, one in STORED[key].items() if {name, member} != {"json", "text"}}
            asked |= {member: choice.within}
            at = f"/params/{member}"
            free = choice.what == "else"
            alone = await doors.trigger("run", key, asked)
            if free:
                assert alone.status_code == 202, (key, member, alone.text)
            else:
                refused(alone, at)
            whole = await doors.trigger("run+edit", key, asked)
            if choice.what == "never":
                assert (whole.status_code, whole.json()["errors"][0]["pointer"]) == (422, at)
                continue
            assert whole.status_code == 202, (key, member, whole.text)
            made[whole.json()["runId"]] = key, member, choice
            for query in ("", "?allowUnknownExecutor=true"):
                refused(await doors.request("run", key, asked, query))
            assert (await doors.request("run+edit", key, asked)).status_code == 202, (key, member)
            if choice.outside is not None:
                asked = STORED[key] | {member: choice.outside}
                refused(await doors.trigger("run", key, asked), at)
                refused(await doors.request("run", key, asked))
                for answered in (
                    await doors.trigger("admin", key, asked),
                    await doors.request("run+edit", key, asked),
                    await doors.post("add", JOBS, {"jobName": "n", "invokeTarget": key, "invokeParams": asked}),
                ):
                    assert answered.status_code == 422, (key, member, answered.text)
                    (error,) = answered.json()["errors"]
                    assert error["pointer"].split("/")[2] == member

        while grants := await doors.worker.claim(slots=100):
            for grant in grants:
                await doors.worker.fail(grant, "for now")
        await api.caught_up()
        ids = list(made)
        for run_id, (key, member, choice) in made.items():
            alone = await doors.post("run", f"{RUNS}/{run_id}/retry", {})
            if choice.what == "else":
                assert alone.status_code == 202, (key, member, alone.text)
            else:
                refused(alone, f"/params/{member}")

        held = {run_id for run_id, (_, _, choice) in made.items() if choice.what != "else"}
        filters = {"jobId": list(doors.jobs.values()), "trigger": "manual", "status": "failed", "limit": 1000}
        dry = (await doors.post("run", f"{RUNS}/retry", filters | {"dryRun": True})).json()
        assert {item["runId"] for item in dry["items"] if item["refused"]} & set(ids) == held
        assert dry["refused"] >= len(held)
        done = (await doors.post("run", f"{RUNS}/retry", filters)).json()
        told = {item["runId"]: item for item in done["items"]}
        assert {run_id for run_id in ids if told[run_id]["refused"]} == held
        assert all("scope 'edit'" in told[run_id]["refused"] for run_id in held)
        whole = (await doors.post("run+edit", f"{RUNS}/retry", filters)).json()
        assert (whole["refused"], whole["matched"]) == (0, done["matched"])


async def test_what_each_role_may_do_at_each_door(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        beyond = STORED[BACKUP] | {"bucket": "kept"}
        run_id = (await doors.trigger("admin", BACKUP, beyond)).json()["runId"]
        await doors.worker.fail(await doors.worker.claim_one(), "for now")
        await api.caught_up()
        job = f"{JOBS}/{doors.jobs[BACKUP]}"
        span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}
        definition = {"jobName": "again", "invokeTarget": BACKUP, "invokeParams": beyond}
        runs = {"run": 403, "run+edit": 202, "admin": 202}
        same = {"run": 202, "run+edit": 202, "admin": 202}
        wanted: list[tuple[str, str, dict[str, Any], dict[str, int]]] = [
            ("POST", f"{job}/trigger", {"params": beyond}, runs),
            ("POST", f"{job}/trigger", {"params": STORED[BACKUP]}, same),
            ("POST", f"{job}/trigger", {}, same),
            ("POST", f"{job}/trigger", {"queue": "low"}, runs),
            ("POST", RUNS, {"invokeTarget": BACKUP, "params": beyond}, runs),
            ("POST", RUNS, {"invokeTarget": "db:backup"}, runs),
            ("POST", f"{RUNS}?allowUnknownExecutor=true", {"invokeTarget": "acme.unheard"}, runs),
            ("POST", RUNS, {"invokeTarget": "demo.noop"}, same),
            ("POST", RUNS, {"invokeTarget": HTTP, "params": {"url": "https://anywhere.example"}}, same),
            ("POST", f"{RUNS}/{run_id}/retry", {}, runs),
            ("POST", f"{RUNS}/{run_id}/retry", {"queue": "low"}, runs),
            ("POST", f"{RUNS}/retry", {"dryRun": True, "all": True}, dict.fromkeys(runs, 200)),
            ("POST", f"{job}/backfill", span, dict.fromkeys(runs, 200)),
            ("POST", f"{job}/backfill", span | {"dryRun": False}, same),
            ("PUT", job, definition, {"edit": 200, "run+edit": 200, "admin": 200}),
            ("POST", JOBS, definition | {"jobName": "new"}, {"add": 201, "admin": 409}),
        ]
        for method, path, body, may in wanted:
            for role in (*SCOPES, "run+edit"):
                answered = await api.http.request(method, path, json=body, headers=doors.keys[role])
                assert answered.status_code == may.get(role, 403), (method, path, body, role, answered.text)


TRIED: list[tuple[str, dict[str, Any]]] = [
    (BACKUP, {"endpoint": "http://my-s3:9000", "bucket": "mine"}),
    (DRILL, {"endpoint": "http://my-s3:9000", "bucket": "mine"}),
    (BACKUP, {"retentionDays": 0, "keepLast": 1}),
    (BACKUP, {"accessKey": "env:ANY_VARIABLE", "endpoint": "http://my-s3:9000"}),
    (BACKUP, {"accessKey": "file:/any/line", "endpoint": "http://my-s3:9000"}),
    (BACKUP, {"database": "template1"}),
    ("db:backup", {"endpoint": "http://127.0.0.1:5432"}),
    ("db:restore-drill", {"target": "env:WATERCLOCK_BACKUP_DATABASE_URL"}),
]
"""By a key with the scope `run` alone."""


async def test_no_database_secret_or_history_is_taken_by_who_may_only_run(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        for target, params in TRIED:
            refused(
                await doors.request("run", target, params), "/params/place", *(f"/params/{name}" for name in params)
            )
            for more in ("run+edit", "admin"):
                assert (await doors.request(more, target, params)).status_code == 422, (target, params)
        counted = (await api.http.get(RUNS, headers=doors.keys["list"])).json()["items"]
        assert counted == []


async def test_what_is_sent_beyond_a_job_is_a_line_of_the_log(rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    async with rig() as api:
        doors = await opened(api)
        tell_all()  # what others were refused
        caplog.clear()
        with caplog.at_level(logging.INFO, logger="waterclock_api.http.problems"):
            for _ in range(3):
                refused(await doors.trigger("run", BACKUP, STORED[BACKUP] | {"bucket": "mine"}))
            tell_all()
    lines = [vars(record) for record in caplog.records if record.msg == "refused"]
    assert sum(1 + line.get("more", 0) for line in lines) == 3
    assert {line["path"] for line in lines} == {f"{JOBS}/{doors.jobs[BACKUP]}/trigger"}
    assert all("/params/bucket" in line["reason"] for line in lines)
    assert all(line["address"] for line in lines)


async def test_free_members_and_open_places_are_for_who_may_only_run(rig: MakeRig) -> None:
    async with rig() as api:
        wide = place("wide", free=("database", "retentionDays"), adhoc=True)
        spec = msgspec.structs.replace(SPECS[BACKUP], params_schema={})  # the places alone are in question
        places = (place("default", free=("database",)), wide)
        doors = await opened(api, places=places, specs=SPECS | {BACKUP: spec})

        assert (await doors.trigger("run", BACKUP, STORED[BACKUP] | {"database": "orders"})).status_code == 202
        postgres = await doors.trigger("run", BACKUP, STORED[BACKUP] | {"database": "postgres"})
        assert postgres.status_code == 422
        refused(await doors.request("run", BACKUP, {"database": "orders"}), "/params/place")
        assert (await doors.request("run", BACKUP, {"place": "wide", "database": "orders"})).status_code == 202
        floor = await doors.request("run", BACKUP, {"place": "wide", "retentionDays": 0})
        assert (floor.status_code, floor.json()["errors"][0]["pointer"]) == (422, "/params/retentionDays")
        refused(await doors.request("run", BACKUP, {"place": "wide", "verify": False}), "/params/verify")
        refused(await doors.request("run", BACKUP, {"place": "nowhere"}), "/params/place")

        await api.worker(spec, places=(place("default"), place("wide")), name="w3")  # one that says otherwise
        await api.caught_up()
        await _read_anew(api)
        refused(await doors.trigger("run", BACKUP, STORED[BACKUP] | {"database": "orders"}), "/params/database")
        refused(await doors.request("run", BACKUP, {"place": "wide"}), "/params/place")


async def test_executors_tell_the_places_that_a_form_can_offer(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        await api.worker(*SPECS.values(), places=(place("default"), place("other", adhoc=True)), name="w2")
        await api.caught_up()
        answered = await api.http.get("/v1/monitor/executors", headers=doors.keys["list"])
        items = {item["key"]: item for item in answered.json()["items"]}
        assert {key: item["placed"] for key, item in items.items()} == {
            BACKUP: True,
            DRILL: True,
            HTTP: False,
            "demo.noop": False,
        }
        names = [(one["name"], one["adhoc"]) for one in items[BACKUP]["places"]]
        assert sorted(names) == [("default", False), ("other", False), ("other", True)]
        assert items[BACKUP]["places"][0] == {
            "name": "default",
            "databases": ["books", "orders"],
            "prefix": "team",
            "retentionDays": 7,
            "keepLast": 2,
            "free": [],
            "adhoc": False,
            "drills": "scratch",
        }
        assert items[HTTP]["places"] == []
        secrets = ("env:BOOKS_*", "env:BOOKS_URL", "env:BOOKS_KEY", "env:BOOKS_SECRET", "env:BOOKS_SCRATCH")
        assert not [one for one in secrets if one in answered.text]


async def test_a_retry_is_measured_by_the_job_as_it_stands(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        asked = [(await doors.trigger("run", key, STORED[key])).json()["runId"] for key in (BACKUP, HTTP)]
        while grants := await doors.worker.claim():
            for grant in grants:
                await doors.worker.fail(grant, "for now")
        await api.caught_up()
        again = [await doors.post("run", f"{RUNS}/{run_id}/retry", {}) for run_id in asked]
        assert [one.status_code for one in again] == [202, 202]

        narrower = {"invokeTarget": BACKUP, "invokeParams": {"database": "orders"}, "concurrent": "0"}
        put = await api.http.put(f"{JOBS}/{doors.jobs[BACKUP]}", json=narrower | {"jobName": BACKUP})
        assert put.status_code == 401
        put = await api.http.put(
            f"{JOBS}/{doors.jobs[BACKUP]}", json=narrower | {"jobName": BACKUP}, headers=doors.keys["admin"]
        )
        assert put.status_code == 200, put.text
        refused(await doors.post("run", f"{RUNS}/{asked[0]}/retry", {}), "/params/database", "/params/keepLast")
        for job_id in doors.jobs.values():
            gone = await api.http.delete(f"{JOBS}/{job_id}", headers=doors.keys["admin"])
            assert gone.status_code in {202, 204}
        for run_id in asked:
            refused(await doors.post("run", f"{RUNS}/{run_id}/retry", {}))
            assert (await doors.post("run+edit", f"{RUNS}/{run_id}/retry", {})).status_code == 409


async def test_a_trigger_is_measured_by_the_job_as_it_stands(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        assert (await doors.trigger("run", BACKUP, STORED[BACKUP])).status_code == 202
        changed = STORED[BACKUP] | {"database": "orders"}
        job = {"jobName": BACKUP, "invokeTarget": BACKUP, "invokeParams": changed, "concurrent": "0"}
        path = f"{JOBS}/{doors.jobs[BACKUP]}"
        put = await api.http.put(path, json=job, headers=doors.keys["admin"])
        assert put.status_code == 200, put.text

        assert (await doors.trigger("run", BACKUP, changed)).status_code == 202
        refused(await doors.trigger("run", BACKUP, STORED[BACKUP]), "/params/database")
        assert (await api.http.delete(path, headers=doors.keys["admin"])).status_code in {202, 204}
        assert (await doors.trigger("run", BACKUP, STORED[BACKUP])).status_code == 404


async def test_a_key_that_comes_again_makes_no_other_run(rig: MakeRig) -> None:
    async with rig() as api:
        doors = await opened(api)
        asked = STORED[BACKUP] | {"bucket": "kept"}
        once = {"Idempotency-Key": "1"}
        both = doors.keys["run+edit"] | once
        path = f"{JOBS}/{doors.jobs[BACKUP]}/trigger"
        first = await api.http.post(path, json={"params": asked}, headers=both)
        replay = await api.http.post(path, json={"params": asked}, headers=both)
        assert (replay.status_code, replay.json()["runId"]) == (202, first.json()["runId"])
        refused(await api.http.post(path, json={"params": asked}, headers=doors.keys["run"] | once))


async def test_before_workers_have_told_of_places_only_the_job_is_what_may_run(rig: MakeRig) -> None:
    async with rig() as api:
        older = [msgspec.structs.replace(one, placed=False, references=()) for one in SPECS.values()]
        await api.worker(*older)
        asked = {"bucket": "mine", "endpoint": "http://my-s3:9000"}
        created = await api.create(jobName="old", invokeTarget="db:backup", invokeParams=asked)
        notes = {note["pointer"]: note["message"] for note in created["notes"]}
        assert set(notes) == {"/invokeParams/bucket", "/invokeParams/endpoint"}
        assert "`bucket` in `[default.accepts]`" in notes["/invokeParams/bucket"]
        for found in await _doctor(api):
            assert (found.level, created["id"] in found.said) == ("warning", True), found
            assert "/invokeParams/bucket" in found.said
            assert "`bucket` in `[default.accepts]`" in found.do
        headers = {"Authorization": f"Bearer {await api.key('run')}"}
        trigger = f"{JOBS}/{created['id']}/trigger"
        assert (await api.http.post(trigger, headers=headers)).status_code == 202
        refused(await api.http.post(trigger, json={"params": {"bucket": "mine"}}, headers=headers), "/params/endpoint")
        refused(await api.http.post(RUNS, json={"invokeTarget": "db.backup"}, headers=headers), "/params/place")


async def test_a_stored_job_outside_is_read_edited_and_written_back_and_named(rig: MakeRig) -> None:
    async with rig() as api:
        older = [msgspec.structs.replace(one, placed=False, references=()) for one in SPECS.values()]
        await api.worker(*older)
        of_backup = await api.create(
            jobName="b", invokeTarget=BACKUP, invokeParams={"bucket": "mine", "retentionDays": 0, "database": "books"}
        )
        secret = {"url": "https://x.example", "headers": {"A": {"from": "env:OLD_TOKEN"}}, "sign": {"key": "env:NONE"}}
        of_http = await api.create(jobName="h", invokeTarget=HTTP, invokeParams=secret)
        old_form = (*LISTED, ReferenceSpec(pattern="env:OLD_*", hosts=False))
        specs = SPECS | {HTTP: msgspec.structs.replace(SPECS[HTTP], references=old_form)}
        await api.worker(*specs.values(), places=(place("default"),), name="w2")
        await api.caught_up()
        await _read_anew(api)
        by_job = {found.said.partition("(")[2].partition(")")[0]: found for found in await _doctor(api)}
        assert {name: found.level for name, found in by_job.items()} == dict.fromkeys(
            (of_backup["id"], of_http["id"]), "problem"
        )
        assert "lower `retentionDays` in `[default]`" in by_job[of_backup["id"]].do
        assert "add `env:NONE@HOST` to WATERCLOCK_HTTP_REFERENCES" in by_job[of_http["id"]].do
        assert exit_code(list(by_job.values())) == 2

        job = (await api.http.get(f"{JOBS}/{of_backup['id']}")).json()
        notes = {note["pointer"]: note["message"] for note in job["notes"]}
        assert set(notes) == {"/invokeParams/bucket", "/invokeParams/retentionDays"}
        assert all(message.startswith("a run would be refused for it: ") for message in notes.values())
        put = await api.http.put(f"{JOBS}/{job['id']}", json=job | {"remark": "edited"})
        assert put.status_code == 200, put.text
        assert put.json()["notes"] == job["notes"]
        job["invokeParams"] |= {"retentionDays": 1}
        put = await api.http.put(f"{JOBS}/{job['id']}", json=job)
        assert [error["pointer"] for error in put.json()["errors"]] == ["/invokeParams/retentionDays"]
        triggered = await api.http.post(f"{JOBS}/{job['id']}/trigger")
        assert {note["pointer"] for note in triggered.json()["notes"]} == set(notes)

        job = (await api.http.get(f"{JOBS}/{of_http['id']}")).json()
        notes = {note["pointer"]: note["message"] for note in job["notes"]}
        assert notes["/invokeParams/headers/A/from"].startswith("goes on as it is stored: is listed without")
        assert notes["/invokeParams/sign/key"].startswith("a run would be refused for it: ")
        assert (await api.http.put(f"{JOBS}/{job['id']}", json=job | {"remark": "edited"})).status_code == 200
        job["invokeParams"] |= {"url": "https://mine.example"}
        put = await api.http.put(f"{JOBS}/{job['id']}", json=job)
        assert len(put.json()["errors"]) == 2


async def test_a_stored_drill_is_named_before_its_role_is_refused(rig: MakeRig) -> None:
    jobs: dict[str, dict[str, Any]] = {
        "source": {"database": "books"},
        "target": {"target": "env:BOOKS_SCRATCH"},
        "listed": {"place": "listed"},
        "scratch": {"place": "apart"},
    }
    async with rig() as api:
        older = [msgspec.structs.replace(one, placed=False, references=()) for one in SPECS.values()]
        await api.worker(*older)
        made = {
            name: await api.create(jobName=name, invokeTarget="db:restore-drill", invokeParams=params)
            for name, params in jobs.items()
        }
        await api.create(jobName="backup", invokeTarget=BACKUP)
        assert {found.level for found in await _doctor(api)} == {"warning"}
        assert await _roles_told(api, made) == set(jobs), "of a release without places every drill may be one"

        await api.worker(
            *SPECS.values(),
            places=(
                place("default", drills="sourceUnlisted"),
                place("listed", drills="source"),
                place("apart", drills="scratch"),
            ),
            name="w2",
        )
        await _read_anew(api)
        assert await _roles_told(api, made) == {"source", "target", "listed"}
        triggered = await api.http.post(f"{JOBS}/{made['source']['id']}/trigger")
        assert "/invokeParams/target" in {note["pointer"] for note in triggered.json()["notes"]}


async def _roles_told(api: Rig, jobs: Mapping[str, dict[str, Any]]) -> set[str]:
    """Drills that doctor and the jobs' own notes name for the role that restores, with what makes another."""
    lines = "deploy/postgres/scratch.sql"
    by_doctor = {
        name
        for name, job in jobs.items()
        for found in await _doctor(api)
        if job["id"] in found.said and "RoleTooWide" in found.said and lines in found.do
    }
    by_notes: set[str] = set()
    for name, job in jobs.items():
        read = (await api.http.get(f"{JOBS}/{job['id']}")).json()
        for note in read["notes"]:
            if "RoleTooWide" in note["message"]:
                assert note["pointer"] == "/invokeParams/target"
                assert lines in note["message"]
                assert not note["message"].endswith("…")
                by_notes.add(name)
    assert by_notes == by_doctor
    return by_doctor


async def _doctor(api: Rig) -> list[Finding]:
    """What doctor says of jobs, but that all is well."""
    async with api.parts.reading() as connection:
        return [found async for found in of_jobs(connection) if found.level != "ok"]


async def _read_anew(api: Rig) -> None:
    """Let the API know now what it would know some seconds later."""
    await api.parts.registry.known("no.such")
