"""The demo's comparison of what was dumped with what was restored."""

from waterclock_dev.demo.compare import Table, different

RUNS, JOBS = Table(rows=3, sha256="aa"), Table(rows=1, sha256="bb")


def test_the_same_tables_with_the_same_content_do_not_differ() -> None:
    assert different({"runs": RUNS, "jobs": JOBS}, {"jobs": JOBS, "runs": RUNS}) == []


def test_a_table_with_other_content_or_on_one_side_only_is_named() -> None:
    changed = RUNS._replace(sha256="cc")
    assert different({"runs": RUNS, "jobs": JOBS}, {"runs": changed, "jobs": JOBS}) == ["runs"]
    assert different({"runs": RUNS, "jobs": JOBS}, {"jobs": JOBS, "steps": RUNS}) == ["runs", "steps"]
