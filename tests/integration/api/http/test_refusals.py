"""Bad input: a problem document that names the field, and nothing stored."""

from __future__ import annotations

import gzip
from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, RUNS, SLEEP, Rig
from waterclock.model.events import ExecutorSpec
from waterclock_api.queries.cursors import cursor_of

BODIES: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"jobNam": "x"}, "/jobNam", "did you mean jobName"),
    ({"jobName": ""}, "/jobName", "length"),
    ({"jobName": "x" * 65}, "/jobName", "<= 64"),
    ({"jobName": "  "}, "/jobName", "visible"),
    ({"jobName": "a\nb"}, "/jobName", "visible"),
    *(({"jobName": f"nel{sign}x"}, "/jobName", "visible") for sign in "\u0085\u009b\u2028\u200b"),
    ({"jobName": "\u200b"}, "/jobName", "visible"),
    ({"jobName": " padded"}, "/jobName", "begins with a space"),
    ({"jobName": "padded "}, "/jobName", "ends with a space"),
    ({"jobName": "\u0958" * 64}, "/jobName", "128 characters"),
    ({"jobGroup": "a/b"}, "/jobGroup", "slash"),
    ({"jobGroup": "x\u00a0y"}, "/jobGroup", "space"),
    ({"invokeTarget": "demo.noop\u200b"}, "/invokeTarget", "visible"),
    ({"labels": {"team": " sea"}}, "/labels/team", "begins with a space"),
    ({"labels": {"team": "sea\u0085"}}, "/labels/team", "visible"),
    ({"jobName": 1}, "/jobName", "expected str"),
    ({"jobName": None}, "/jobName", "got null"),
    ({"jobGroup": "x" * 65}, "/jobGroup", "<= 64"),
    ({"invokeTarget": "demo.slep"}, "/invokeTarget", "did you mean demo.sleep"),
    ({"invokeTarget": "demo.slep"}, "/invokeTarget", "demo.noop"),
    ({"invokeParams": []}, "/invokeParams", "expected object"),
    ({"invokeTarget": "demo.sleep", "invokeParams": {"seconds": "x"}}, "/invokeParams/seconds", "number"),
    ({"invokeTarget": "demo:sleep", "invokeParams": {"seconds": -1}}, "/invokeParams/seconds", "minimum"),
    ({"invokeTarget": "demo.sleep", "invokeParams": {"a/b": 1}}, "/invokeParams/a~1b", "unknown"),
    ({"invokeTarget": "demo.copy", "invokeParams": {}}, "/invokeParams/table", "required"),
    ({"invokeParams": {"x": "y" * 70_000}}, "/invokeParams", "bytes"),
    ({"invokeParams": {"deep": ["a\0b"]}}, "/invokeParams/deep/0", "U+0000"),
    ({"cronExpression": "61 * * * *"}, "/cronExpression", "minute"),
    ({"cronExpression": "not cron"}, "/cronExpression", ""),
    ({"cronExpression": "0 9 * * FR\u0131"}, "/cronExpression", "U+0131"),
    ({"cronExpression": "0 9 * * \u017fUN"}, "/cronExpression", "U+017F"),
    ({"cronExpression": "0 \u0663 * * *"}, "/cronExpression", "U+0663"),
    ({"cronExpression": "@da\u0131ly"}, "/cronExpression", "U+0131"),
    ({"cronExpression": "* " * 200}, "/cronExpression", "256"),
    ({"cronExpression": "0 0 30 2 *"}, "/cronExpression", "never fire"),
    ({"cronExpression": "0 0 0 1 1 ? 2020", "cronDialect": "quartz"}, "/cronExpression", "no scheduled time"),
    ({"cronExpression": "0 0 0 * * 1"}, "/cronExpression", "cronDialect"),
    ({"cronDialect": "vixie"}, "/cronDialect", "is not one of unix, quartz"),
    ({"cronExpression": "@daily", "timezone": "Mars/Base"}, "/timezone", "Mars/Base"),
    ({"timezone": "Mars/Base"}, "/timezone", "Mars/Base"),
    ({"cronExpression": "CRON_TZ=UTC 0 0 * * *", "timezone": "Europe/Berlin"}, "/cronExpression", "CRON_TZ"),
    ({"status": "2"}, "/status", 'must be "0"/"enabled" or "1"/"disabled"'),
    ({"status": 2}, "/status", 'must be "0"/"enabled" or "1"/"disabled"'),
    ({"status": "Disable"}, "/status", "did you mean disabled?"),
    ({"misfirePolicy": "4"}, "/misfirePolicy", 'must be "1"/"runAll", "2"/"runOnce" or "3"/"skip"'),
    ({"misfirePolicy": None}, "/misfirePolicy", 'or "3"/"skip"'),
    ({"concurrent": True}, "/concurrent", 'must be "0"/"allow" or "1"/"forbid"'),
    ({"cronDialect": 5}, "/cronDialect", 'one of "unix", "quartz"'),
    ({"queue": "urgent"}, "/queue", "critical, default, low"),
    ({"overlapPolicy": "Buffer_One"}, "/overlapPolicy", "did you mean buffer_one?"),
    ({"misfireThreshold": -1}, "/misfireThreshold", "from 0"),
    ({"misfireThreshold": "soon"}, "/misfireThreshold", "ISO 8601"),
    ({"catchupLimit": 1001}, "/catchupLimit", "<= 1000"),
    ({"catchupPace": "P1Y"}, "/catchupPace", "ISO 8601"),
    ({"jitter": 1e9}, "/jitter", "seconds"),
    ({"startAt": "tomorrow"}, "/startAt", "RFC 3339"),
    ({"startAt": "2026-01-01T00:00:00"}, "/startAt", "has no offset"),
    ({"startAt": "2026-01-01T00:00:00+24:00"}, "/startAt", "has an offset of 24 hours or more"),
    ({"cronExpression": "TZ=Europe/Berlin 0 9 * * *"}, "/cronExpression", "write CRON_TZ=Europe/Berlin"),
    ({"cronExpression": "0\u00a09 * * *"}, "/cronExpression", "U+00A0"),
    ({"cronExpression": "*/5 * * * *\n"}, "/cronExpression", "line break"),
    ({"startAt": "2031-01-01T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}, "/endAt", "before startAt"),
    ({"cronExpression": "@daily", "endAt": "2020-01-01T00:00:00Z"}, "/endAt", "first future time"),
    ({"timeout": -1}, "/timeout", "seconds"),
    ({"retry": {"maxAttempts": 0}}, "/retry/maxAttempts", ">= 1"),
    ({"retry": {"tries": 1}}, "/retry/tries", "unknown"),
    ({"retry": {"max": "PT"}}, "/retry/max", "ISO 8601"),
    ({"retry": None}, "/retry", ""),
    ({"labels": {"bad name!": "x"}}, "/labels/bad name!", "label name"),
    ({"labels": {"team": 1}}, "/labels/team", "expected str"),
    ({"labels": {f"l{n}": "" for n in range(33)}}, "/labels", "32"),
    ({"remark": "x" * 1001}, "/remark", "<= 1000"),
)
SAID: tuple[tuple[bytes, str], ...] = (
    (b'{"a":"\\ud800b"}', "half of a surrogate pair"),
    (b"\xef\xbb\xbf{}", "byte order mark"),
    ("{}".encode("utf-16"), "UTF-16"),
    (gzip.compress(b"{}"), "compressed (gzip)"),
    (b"{", "ends too early"),
)
QUERIES = (
    (JOBS, "status", "on", 'must be "0"/"enabled" or "1"/"disabled"'),
    (RUNS, "status", "Succeeded", "did you mean succeeded?"),
    (RUNS, "trigger", "cron", "is not one of schedule, catchup, backfill, manual, retry"),
    (RUNS, "from", "2026-11-28T10:00+24:00", "an offset of 24 hours or more"),
    (RUNS, "to", "2026-11-28T10:00:00", "has no offset"),
)
TRIGGERS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"param": {}}, "/param"),
    ({"params": []}, "/params"),
    ({"params": {"seconds": "x"}}, "/params/seconds"),
    ({"queue": "urgent"}, "/queue"),
    ({"delay": -1}, "/delay"),
    ({"delay": 1.7e308}, "/delay"),
    ({"delay": "later"}, "/delay"),
    ({"runAt": "2026"}, "/runAt"),
    ({"delay": 1, "runAt": "2030-01-01T00:00:00Z"}, "/runAt"),
    ({"overlapPolicy": "allow"}, "/overlapPolicy"),
    ({"reason": 5}, "/reason"),
)
CRON = '"cronExpression": "0 3 * * *", "cronExpression": "0 4 * * *"'
DOUBLED: tuple[tuple[str, str, str], ...] = (
    (JOBS, f'{{"jobName": "a", "invokeTarget": "demo.sleep", {CRON}}}', "/cronExpression"),
    ("{job}", f'{{"jobName": "a", "invokeTarget": "demo.sleep", {CRON}}}', "/cronExpression"),
    ("{job}/status", r'{"status": "1", "stat\u0075s": "0"}', "/status"),
    ("{job}/trigger", '{"params": {"rows": [{"a/b": 1, "a/b": 1}]}}', "/params/rows/0/a~1b"),
    (f"{RUNS}/cancel", '{"jobId": ["a"], "jobId": ["b"]}', "/jobId"),
    ("{job}/trigger", f'{{"params": {{"blob": "{"x" * (64 << 10)}", "blob": 1}}}}', "/params/blob"),
)
COPY = {"type": "object", "properties": {"table": {"type": "string"}}, "required": ["table"]}


async def test_whatever_is_wrong_in_a_body_is_named_and_nothing_is_stored(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        job = await api.create()
        for fields, pointer, message in BODIES:
            for method, path in (("POST", JOBS), ("PUT", f"{JOBS}/{job['id']}")):
                body = JOB | {"jobName": "other"} | fields
                response = await api.http.request(method, path, json=body)
                assert response.status_code == 422, (method, fields, response.text)
                problem = _problem(response, 422)
                found = [error["message"] for error in problem["errors"] if error["pointer"] == pointer]
                assert any(message in each for each in found), (fields, problem["errors"])
        assert (await api.http.get(JOBS)).json()["items"] == [job]


async def test_one_answer_names_every_flaw(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        body = {
            "invokeTarget": "demo.slep",
            "cronExpression": "61 * * * *",
            "misfirePolicy": "9",
            "queue": "urgent",
            "retry": {"maxAttempts": "x"},
            "labels": {"ok": 1},
            "jitter": "?",
            "colour": "blue",
        }
        problem = _problem(await api.http.post(JOBS, json=body), 422)
        assert {error["pointer"] for error in problem["errors"]} == {
            *("/jobName", "/invokeTarget", "/cronExpression", "/misfirePolicy", "/queue", "/retry/maxAttempts"),
            *("/labels/ok", "/jitter", "/colour"),
        }


async def test_an_executor_nobody_announced_is_accepted_if_asked_for(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        body = {"jobName": "early", "invokeTarget": "my.job", "invokeParams": {"any": 1}}
        created = await api.http.post(f"{JOBS}?allowUnknownExecutor=true", json=body)
        assert created.status_code == 201, created.text
        again = await api.http.put(created.headers["location"], json=created.json())
        assert again.status_code == 200, again.text


async def test_what_a_worker_has_just_announced_is_known_at_once(rig: MakeRig) -> None:
    async with rig() as api:
        for number in range(5):
            await api.worker(SLEEP, ExecutorSpec(key=f"fresh.{number}", description="", params_schema={}))
            await api.create(jobName=f"job {number}", invokeTarget=f"fresh.{number}")


async def test_what_is_not_json_or_not_asked_for_is_refused_before_it_is_read(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        job_id = (await api.create())["id"]
        json_type = {"content-type": "application/json"}
        beyond = (b'{"jobName": "\xff"}', b"[" * 100_000, b'{"jobName": "\\ud800"}', b'{"invokeParams": {"x": 1e400}}')
        for content in (b"{", b"", b"nope", *beyond, b'{"invokeParams": {"x": %b}}' % (b"1" * 4_301), b'{"x": NaN}'):
            _problem(await api.http.post(JOBS, content=content, headers=json_type), 400)
        _problem(await api.http.post(JOBS, content=b"[]", headers=json_type), 422)
        for path, content, pointer in DOUBLED:
            url = path.format(job=f"{JOBS}/{job_id}")
            method = "PUT" if url.endswith(("status", job_id)) else "POST"
            response = await api.http.request(method, url, content=content, headers=json_type)
            assert _problem(response, 422)["errors"] == [{"pointer": pointer, "message": "is given more than once"}]
        for kind in ("application/x-www-form-urlencoded", "text/plain"):
            _problem(await api.http.post(JOBS, content=b"{}", headers={"content-type": kind}), 415)
        _problem(await api.http.post(JOBS, content=b'"' + b"x" * (1 << 20) + b'"', headers=json_type), 413)
        for content, said in SAID:
            problem = _problem(await api.http.post(JOBS, content=content, headers=json_type), 400)
            assert said in problem["detail"], content
        for path, name, value, said in QUERIES:
            problem = _problem(await api.http.get(path, params={name: value}), 400)
            assert [(error["pointer"], said in error["message"]) for error in problem["errors"]] == [(f"?{name}", True)]
        explained = f"{JOBS}/{job_id}/explain?at="
        assert (await api.http.get(f"{explained}2026-11-28%2010:00Z")).status_code == 200
        assert (await api.http.get(f"{explained}2026-11-28%2010:00+01:00")).status_code == 200, "an unescaped +"
        refused = _problem(await api.http.get(f"{explained}2026-11-28T10:00%2B24:00"), 422)
        assert "an offset of 24 hours or more" in refused["errors"][0]["message"]
        await api.caught_up()
        of_runs, of_jobs = cursor_of(0, "abc-x1"), cursor_of(0, "abc")
        for path, theirs, ours in ((JOBS, of_runs, of_jobs), (RUNS, of_jobs, of_runs)):
            problem = _problem(await api.http.get(path, params={"cursor": theirs}), 400)
            assert "not a cursor of this list" in problem["errors"][0]["message"]
            assert (await api.http.get(path, params={"cursor": ours})).status_code == 200
        bulk = {"all": True, "dryRun": True, "cursor": of_jobs}
        for verb in ("cancel", "retry"):
            problem = _problem(await api.http.post(f"{RUNS}/{verb}", json=bulk), 422)
            assert problem["errors"][0]["pointer"] == "/cursor"
        for path, query in (
            (JOBS, {"nmae": "x"}),
            (JOBS, {"limit": "0"}),
            (JOBS, {"limit": "1001"}),
            (JOBS, {"limit": "ten"}),
            (JOBS, {"status": "on"}),
            (JOBS, {"cursor": "%%%"}),
            (JOBS, {"cursor": "gaFh"}),
            (RUNS, {"status": "done"}),
            (RUNS, {"from": "yesterday"}),
            (f"{JOBS}/{job_id}", {"verbose": "1"}),
            ("/livez", {"x": "1"}),
        ):
            problem = _problem(await api.http.get(path, params=query), 400)
            assert problem["errors"][0]["pointer"] == f"?{next(iter(query))}"
        _problem(await api.http.get(JOBS, params={"limit": ["1", "2"]}), 400)
        _problem(await api.http.post(JOBS, json=JOB, headers={"Idempotency-Key": "a b"}), 400)
        _problem(await api.http.put(f"{JOBS}/{job_id}", json=JOB, headers={"If-Match": "new"}), 400)


async def test_what_is_wrong_in_a_trigger_or_a_status_is_named(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        job_id = (await api.create(invokeTarget="demo.sleep"))["id"]
        for body, pointer in TRIGGERS:
            problem = _problem(await api.http.post(f"{JOBS}/{job_id}/trigger", json=body), 422)
            assert [error["pointer"] for error in problem["errors"]] == [pointer], body
        assert (await api.http.get(RUNS)).json()["items"] == []
        for body, pointer in (({}, "/status"), ({"status": 2}, "/status"), ({"status": "0", "why": ""}, "/why")):
            problem = _problem(await api.http.put(f"{JOBS}/{job_id}/status", json=body), 422)
            assert [error["pointer"] for error in problem["errors"]] == [pointer]


async def test_what_is_not_there_is_a_problem_document_too(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        _problem(await api.http.get("/v1/monitor/nothing"), 404)
        refused = await api.http.patch(JOBS)
        _problem(refused, 405)
        assert "GET" in refused.headers["allow"]
        for path in (f"{JOBS}/none", f"{JOBS}/UPPER", f"{RUNS}/none", f"{RUNS}/none/logs", f"{JOBS}/none/detail"):
            _problem(await api.http.get(path), 404)
        for method, path, body in (
            ("PUT", f"{JOBS}/none", JOB),
            ("PUT", f"{JOBS}/none/status", {"status": "0"}),
            ("DELETE", f"{JOBS}/none/logs", None),
        ):
            _problem(await api.http.request(method, path, json=body), 404)


async def test_a_problem_names_the_trace_of_its_request(rig: MakeRig) -> None:
    async with rig() as api:
        trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        refused = await api.http.post(f"{JOBS}/none/trigger", headers=headers)
        assert refused.json()["traceId"] == trace


async def test_a_job_that_nobody_can_read_is_named(rig: MakeRig) -> None:
    async with rig() as api:
        await _announce(api)
        job_id = (await api.http.post(JOBS, json=JOB)).json()["id"]
        stored = api.log.keys.partition(0, "jobs")
        await api.log.execute(stored, "HSET", stored, job_id, "no job")
        problem = _problem(await api.http.put(f"{JOBS}/{job_id}/status", json={"status": "1"}), 500)
        assert problem["detail"] == f"The stored job {job_id} cannot be read."


async def _announce(api: Rig) -> None:
    noop = ExecutorSpec(key="demo.noop", description="", params_schema={"type": "object"})
    copy = ExecutorSpec(key="demo.copy", description="", params_schema=COPY)
    await api.worker(SLEEP, noop, copy)


def _problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, (response.request.url, response.text)
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors", "traceId", "requestId"}
    assert problem["status"] == status
    return problem


async def test_the_word_null_is_no_value_of_a_query(rig: MakeRig) -> None:
    async with rig() as api:
        problem = _problem(await api.http.get("/v1/monitor/runs/no-such-run/logs?step=null"), 400)
        assert problem["errors"] == [{"pointer": "?step", "message": "must not be null: leave it out"}]
