"""What the API says of itself: its OpenAPI document, its page, its SQL."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, cast

import psycopg
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS
from tests.support.repository import GOLDEN
from waterclock.model.events import StoredEvent
from waterclock.store.connection.statements import statement
from waterclock_api.app import ROUTES
from waterclock_api.documents import asyncapi, openapi
from waterclock_api.http.problem_types import KINDS
from waterclock_api.queries.read_models import PACKAGE

ASYNCAPI = GOLDEN / "asyncapi"
PREVIEW = "/v1/monitor/schedules/preview"


async def test_the_document_is_valid_and_the_answers_are_what_it_says(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        document: dict[str, Any] = (await api.http.get("/schema/openapi.json")).json()
        OpenAPIV31SpecValidator(document).validate()  # pyright: ignore[reportUnknownMemberType]
        job = await api.create(cronExpression="@daily", promise={"startWithin": 60})
        run_id = await api.trigger(job["id"])
        grant = await worker.claim_one()
        await worker.step(grant, "Work", "line")
        await worker.succeed(grant)
        await api.caught_up()
        for path, template in (
            (JOBS, JOBS),
            (f"{JOBS}/{job['id']}", f"{JOBS}/{{id}}"),
            (f"{JOBS}/{job['id']}/detail", f"{JOBS}/{{id}}/detail"),
            (f"{JOBS}/{job['id']}/explain", f"{JOBS}/{{id}}/explain"),
            ("/v1/monitor/ledger/verify", "/v1/monitor/ledger/verify"),
            ("/v1/monitor/jobs-index", "/v1/monitor/jobs-index"),
            ("/v1/monitor/fires", "/v1/monitor/fires"),
            ("/v1/monitor/fires?bins=2", "/v1/monitor/fires"),
            ("/v1/monitor/notices", "/v1/monitor/notices"),
            ("/v1/monitor/promises", "/v1/monitor/promises"),
            (f"/v1/monitor/ledger/strips?jobId={job['id']}", "/v1/monitor/ledger/strips"),
            (RUNS, RUNS),
            (f"{RUNS}/{run_id}", f"{RUNS}/{{id}}"),
            (f"{RUNS}/{run_id}/logs", f"{RUNS}/{{id}}/logs"),
            ("/v1/monitor/executors", "/v1/monitor/executors"),
            ("/v1/monitor/queues", "/v1/monitor/queues"),
            ("/v1/monitor/workers", "/v1/monitor/workers"),
            ("/livez", "/livez"),
            ("/readyz", "/readyz"),
        ):
            answer = (await api.http.get(path)).json()
            schema = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            whole = schema | {"components": document["components"]}
            errors = list(Draft202012Validator(whole).iter_errors(answer))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
            assert not errors, (path, errors)


async def test_what_is_asked_of_schedules_is_answered_as_the_document_says(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        document: dict[str, Any] = (await api.http.get("/schema/openapi.json")).json()
        job = await api.create(cronExpression="30 2 * * *", timezone="Europe/Berlin")
        range_ = {"from": "2026-03-27T00:00:00Z", "to": "2026-03-31T00:00:00Z"}
        past = {"from": "2025-03-27T00:00:00Z", "to": "2025-03-31T00:00:00Z"}
        for path, template, status, body in (
            (f"{JOBS}/{job['id']}/simulate", f"{JOBS}/{{id}}/simulate", 200, range_),
            (f"{JOBS}/{job['id']}/backfill", f"{JOBS}/{{id}}/backfill", 200, past),
            (f"{JOBS}/{job['id']}/backfill", f"{JOBS}/{{id}}/backfill", 202, past | {"dryRun": False}),
            (PREVIEW, PREVIEW, 200, {"cronExpression": "@daily", "count": 2}),
        ):
            response = await api.http.post(path, json=body)
            assert response.status_code == status, response.text
            operation = document["paths"][template]["post"]
            schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
            whole = schema | {"components": document["components"]}
            errors = list(Draft202012Validator(whole).iter_errors(response.json()))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
            assert not errors, (path, errors)


async def test_every_route_is_in_the_document_with_its_method(rig: MakeRig) -> None:
    async with rig() as api:
        document = (await api.http.get("/schema/openapi.json")).json()
        told = {f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each}
        assert told >= {
            *(f"GET {JOBS}", f"POST {JOBS}", f"GET {JOBS}/{{id}}", f"PUT {JOBS}/{{id}}", f"DELETE {JOBS}/{{id}}"),
            *(f"GET {JOBS}/{{id}}/detail", f"PUT {JOBS}/{{id}}/status", f"POST {JOBS}/{{id}}/trigger"),
            *(f"DELETE {JOBS}/{{id}}/logs", f"GET {JOBS}/{{id}}/logs/stream"),
            *(f"GET {RUNS}", f"GET {RUNS}/{{id}}", f"GET {RUNS}/{{id}}/logs", f"GET {RUNS}/{{id}}/logs/stream"),
            *(f"POST {RUNS}", f"POST {RUNS}/{{id}}/retry", f"POST {RUNS}/retry"),
            *("GET /v1/monitor/workers", "GET /v1/monitor/queues"),
            *("POST /v1/monitor/queues/{id}/pause", "POST /v1/monitor/queues/{id}/resume"),
            *(f"POST {RUNS}/{{id}}/cancel", "GET /v1/monitor/executors", "GET /livez", "GET /readyz"),
        }


def test_a_summary_is_one_sentence_of_prose_and_the_rest_is_told_apart() -> None:
    told = [each for operations in openapi.document(ROUTES)["paths"].values() for each in operations.values()]
    assert all(each["summary"] and "\n" not in each["summary"] for each in told)
    assert any("`schedules`" in each.get("description", "") for each in told)


def test_descriptions_name_members_as_they_are_written() -> None:
    for document in (openapi.document(ROUTES), asyncapi.document(ROUTES)):
        text = json.dumps(document)
        snakes = set(re.findall(r"`([a-z]+_[a-z_]+)`", text))
        assert {word for word in snakes if f'"{word}"' not in text} == set(), "that are neither members nor values"


def test_every_tag_is_described_once_and_used() -> None:
    document = openapi.document(ROUTES)
    used = {tag for operations in document["paths"].values() for each in operations.values() for tag in each["tags"]}
    described = [tag["name"] for tag in document["tags"]]
    assert set(described) == used
    assert len(described) == len(used)


async def test_the_page_and_all_it_needs_come_from_here(rig: MakeRig) -> None:
    async with rig() as api:
        page = await api.http.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert 'rel="icon" href="data:' in page.text
        assert "img-src data:" in page.headers["content-security-policy"]  # what it refers to it may load
        assets = re.findall(r'(?:href|src)="([a-z][^":]+)"', page.text)
        vendored = {"swagger-ui-5.35.0.css", "swagger-ui-5.35.0.js"}
        ours = {"page.css", "page.js", "schema/openapi.json", "schema/asyncapi.json", "problems"}
        assert set(assets) == ours | vendored
        assert (await api.http.get("/api")).content == page.content
        for asset in assets:
            answer = await api.http.get(f"/{asset}")
            assert answer.status_code == 200
            if asset in vendored:
                assert "immutable" in answer.headers["cache-control"]
                assert answer.headers["content-encoding"] == "gzip"
                plain = await api.http.get(f"/{asset}", headers={"Accept-Encoding": "identity"})
                assert "content-encoding" not in plain.headers
                assert plain.content == answer.content
                continue
            assert "//" not in re.sub(r"^\s*//.*", "", answer.text, flags=re.MULTILINE)


async def test_the_type_of_a_problem_leads_to_a_page_that_explains_it(rig: MakeRig) -> None:
    async with rig() as api:
        kind = (await api.http.get(f"{JOBS}/none")).json()["type"]
        page = await api.http.get(kind)
        assert page.headers["content-type"].startswith("text/html")
        assert f'<section id="{kind.partition("#")[2]}">' in page.text


def test_every_route_and_every_problem_has_an_example_that_fits() -> None:
    document = openapi.document(ROUTES)
    problems: set[str] = set()
    contents: list[tuple[dict[str, Any] | None, bool]]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            contents = [(operation.get("requestBody"), True)]
            contents += [(answer, int(status) < 300) for status, answer in operation["responses"].items()]
            for place, wanted in contents:
                found: dict[str, dict[str, Any]] = (place or {}).get("content", {})
                for kind, content in found.items():
                    values: list[Any] = [each["value"] for each in content.get("examples", {}).values()]
                    values += [content["example"]] if "example" in content else []
                    assert values or not wanted, (method, path, kind)
                    for value in values:
                        _fits(document, content["schema"], value)
                    problems |= {each["type"] for each in values} if not wanted else set()
    assert problems == {
        kind.type for kind in KINDS.values() if kind.status not in (405, 421)
    }  # of no route in particular


def test_the_document_of_streams_is_valid_and_names_every_event() -> None:
    document = asyncapi.document(ROUTES)
    rules: dict[str, Any] = json.loads(gzip.decompress((ASYNCAPI / "3.0.0.json.gz").read_bytes()))
    errors = list(Draft7Validator(rules).iter_errors(document))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
    assert not errors
    for name in _references(document):
        found: Any = document
        for part in name.removeprefix("#/").split("/"):
            found = found[part]
    tags = {str(kind.__struct_config__.tag) for kind in StoredEvent.__args__}
    channels: dict[str, dict[str, Any]] = document["channels"]
    assert set(channels["events"]["messages"]) == tags
    beside = {"gap", "end", "closed"}
    assert {*beside, "step.log", "run.succeeded"} <= set(channels["runStream"]["messages"]) < tags | beside
    assert {"gap", "fire.skipped", "job.changed"} <= set(channels["jobStream"]["messages"]) < tags | {"gap", "closed"}
    streams = {path for path, each in openapi.document(ROUTES)["paths"].items() if path.endswith("/stream") and each}
    assert {channel["address"] for channel in channels.values()} == {None, *streams}


async def test_events_as_they_are_sent_and_stored_are_as_the_documents_say(rig: MakeRig) -> None:
    async with rig() as api:
        worker = await api.worker()
        job_id = (await api.create(cronExpression="@daily"))["id"]
        run_id = await api.trigger(job_id)
        grant = await worker.claim_one()
        await worker.step(grant, "Work", "line")
        await worker.succeed(grant, [1])
        await api.http.delete(f"{JOBS}/{job_id}/logs")
        document = (await api.http.get("/schema/asyncapi.json")).json()
        described = (await api.http.get("/schema/openapi.json")).json()
        page = (await api.http.get("/v1/monitor/events", params={"limit": 1000})).json()
        assert len(page["items"]) > 7
        for event in page["items"]:
            _fits(described, {"$ref": "#/components/schemas/Event"}, event)
        sent = (await api.http.get(f"{RUNS}/{run_id}/logs/stream")).text
        frames = re.findall(r"event: (\S+)\ndata: (.+)", sent)
        assert {name for name, _ in frames} >= {"gap", "end", "run.succeeded"}
        for name, data in frames:
            _fits(document, document["components"]["messages"][name]["payload"], json.loads(data))


def _fits(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    whole = schema | {"components": document["components"]}
    errors = list(Draft202012Validator(whole).iter_errors(value))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
    assert not errors, (value, errors)


def _references(value: Any) -> Iterator[str]:
    match value:
        case {"$ref": str(name)}:
            yield name
        case dict():
            for each in cast("dict[str, Any]", value).values():
                yield from _references(each)
        case list():
            for each in cast("list[Any]", value):
                yield from _references(each)
        case _:
            return


def test_every_statement_fits_the_schema(store_url: str) -> None:
    names = [file.name.removesuffix(".sql") for file in (files(PACKAGE) / "sql").iterdir()]
    assert len(names) > 10
    with psycopg.connect(store_url) as connection:
        for name in names:
            text = statement(name, PACKAGE)
            arguments = {key.decode(): None for key in re.findall(rb"%\((\w+)\)s", text)}
            connection.execute(b"EXPLAIN " + text, arguments)
