"""How Postgres does what an operator or a timer has it do: never by all of a table for each of many steps.

A small store is given the statistics of one with a million runs, so the planner chooses as it would there.
"""

from collections.abc import Iterator
from typing import Any, LiteralString

from psycopg import sql

from tests.contract.store.test_project import project, runs
from waterclock.store.connection.pool import Connection
from waterclock.store.connection.statements import statement
from waterclock.store.readmodels.differences import put_in_place
from waterclock.store.readmodels.rebuild import Rebuild, compare
from waterclock.store.readmodels.shadow_tables import SHADOW

Node = dict[str, Any]


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(connection: Connection, text: bytes | str, arguments: Any = None) -> list[Node]:
    asked = text if isinstance(text, bytes) else text.encode()
    row = await (await connection.execute(b"EXPLAIN (FORMAT JSON) " + asked, arguments)).fetchone()
    assert row is not None
    return list(nodes(row[0][0]["Plan"]))


def unbounded(plan: list[Node], table: str) -> list[str]:
    """Where a plan reads all of a table, or of an index of it."""
    read = [node for node in plan if node.get("Relation Name") == table and node["Node Type"] != "ModifyTable"]
    bound = ("Index Cond", "Recheck Cond", "TID Cond")
    return [f"{node['Node Type']} of {table}" for node in read if not any(name in node for name in bound)]


GROWN = ("write_runs", "write_attempts")


async def test_tables_that_were_vacuumed_while_they_were_empty_are_not_read_as_a_whole_later(
    connection: Connection,
) -> None:
    entries, after = runs(150), None
    for first in range(0, len(entries), 20):
        if first == 320:  # by now the server keeps the plans that it has made; now it makes new ones
            await connection.execute("TRUNCATE runs, attempts")
            await connection.execute("VACUUM runs, attempts")
        batch = entries[first : first + 20]
        assert await project(connection, after, batch)
        after = batch[-1].position

    async with connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        for name in GROWN:
            kept = "SELECT name FROM pg_prepared_statements WHERE starts_with(statement, %s)"
            row = await (await connection.execute(kept, [statement(name).decode().split("\n", 1)[0]])).fetchone()
            assert row is not None
            plan = await plan_of(connection, f"EXECUTE \"{row[0]}\" ('[]')")
            assert unbounded(plan, name.removeprefix("write_")) == []


FILLED: dict[str, LiteralString] = {
    "events_default": (
        "INSERT INTO events SELECT 0, 1, 1000 + n, '', '1990-01-01', 'step.log', NULL, 'x-' || n, '{}'"
        " FROM generate_series(1, 200) AS n"
    ),
    "steps": "INSERT INTO steps SELECT 'x-' || n, 1, 1, 's', 'succeeded', now() FROM generate_series(1, 200) AS n",
    "log_lines": (
        "INSERT INTO log_lines SELECT 0, 1, n, 1, 'x', 'x-' || n, 1, NULL, now(), 'info', 'text'"
        " FROM generate_series(1, 200) AS n"
    ),
    "decisions": (
        "INSERT INTO decisions SELECT 'x', 1, n, 0, 'skipped', 'late', 'skip', now(), now(), 1, 'd', NULL, now()"
        " FROM generate_series(1, 200) AS n"
    ),
}


async def plant(connection: Connection, *tables: str) -> None:
    """Have the planner believe that each of these, which has a page at least, has a million rows in each."""
    for table in tables:
        if table in FILLED:
            await connection.execute(FILLED[table])
        await connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*table.split("."))))
        grown = "UPDATE pg_class SET reltuples = 1000000, relpages = 1 WHERE oid = %s::regclass"
        await connection.execute(grown, [table])


async def test_a_page_of_old_runs_is_read_in_their_order(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await connection.execute("INSERT INTO forgotten VALUES ('succeeded', now())")
    await plant(connection, "runs")

    plan = await plan_of(connection, statement("old_runs"), {"after_at": 0, "after_id": "", "limit": 500})

    assert "Sort" not in [node["Node Type"] for node in plan]
    assert unbounded(plan, "runs") == []


async def test_what_belongs_to_forgotten_runs_is_found_by_them(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await connection.execute("INSERT INTO forgotten VALUES ('succeeded', now())")
    tables = ("runs", "attempts", "steps", "log_lines")
    await plant(connection, *tables, "jobs")

    async with connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        plan = await plan_of(connection, statement("forget_runs"), {"run_ids": [f"j-{n}" for n in range(500)]})

    assert [found for table in tables for found in unbounded(plan, table)] == []


async def test_cleared_lines_are_found_by_their_job_and_place(connection: Connection) -> None:
    await plant(connection, "log_lines")
    place = {"job_id": "x", "from_epoch": 0, "from_seq": 0, "before_epoch": 1, "before_seq": 150, "limit": 5_000}

    async with connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        plan = await plan_of(connection, statement("clear_lines"), place)

    assert unbounded(plan, "log_lines") == []
    assert [node["Index Name"] for node in plan if "Index Name" in node] == ["log_lines_by_job"]
    assert "Sort" not in [node["Node Type"] for node in plan]


async def test_a_sweep_reads_each_page_once(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await plant(connection, "runs", "events_default", "decisions")
    for table, name in (("events_default", "sweep_default"), ("decisions", "forget_decisions")):
        plan = await plan_of(connection, statement(name), {"first": "(128,0)", "end": "(256,0)"})
        nodes = [node for node in plan if node.get("Relation Name") == table]
        read = [node["Node Type"] for node in nodes if "epoch" not in node.get("Index Cond", "")]  # what is judged next
        assert read == ["ModifyTable", "Tid Range Scan"]
        assert unbounded(plan, "runs") == []


async def test_the_chain_is_pruned_without_looking_for_a_later_block_for_each(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await connection.execute("INSERT INTO forgotten VALUES ('events', now())")
    await plant(connection, "chain")

    plan = await plan_of(connection, statement("prune_chain"))

    assert "SubPlan" not in str([node.get("Parent Relationship") for node in plan])
    assert unbounded(plan, "chain") == []


async def test_the_last_success_of_a_job_is_found_without_its_other_runs(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await plant(connection, "runs")

    async with connection.transaction():
        await connection.execute(statement("prefer_lookups"))
        plan = await plan_of(connection, statement("standing_jobs"), {"partition": 0, "all": False, "looked_at": 9})

    read = [node for node in plan if node.get("Relation Name") == "runs"]
    assert [node["Index Name"] for node in read] == ["runs_by_job"] * 3
    assert sum("requested_at" in node["Index Cond"] for node in read) == 1
    assert len([node for node in plan if node["Node Type"] == "Limit"]) == 3  # each of the others stops
    assert "Sort" not in [node["Node Type"] for node in plan]


class Explaining:
    """A connection that explains what is asked of it, beside doing it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.plans: list[list[Node]] = []

    async def execute(self, text: Any, arguments: Any = None) -> Any:
        asked = text if isinstance(text, bytes) else text.as_bytes(self._connection)
        if asked.startswith((b"DELETE", b"INSERT")):
            self.plans.append(await plan_of(self._connection, asked, arguments))
        return await self._connection.execute(text, arguments)


async def test_a_swap_reads_what_differs_and_not_the_tables(connection: Connection) -> None:
    await project(connection, None, runs(20))
    await connection.execute("UPDATE runs SET status = 'failed' WHERE run_id = 'j-1'")
    await connection.execute("DELETE FROM attempts WHERE run_id = 'j-2'")
    work = await Rebuild.begin(connection)
    await work.fold(lambda _, __: None)
    await work.compare()
    tables = ("runs", "attempts")
    await plant(connection, *tables, *(f"{SHADOW}.{table}" for table in tables))

    explaining: Any = Explaining(connection)
    for table in tables:
        await put_in_place(explaining, "public", table)
    await work.drop()

    assert len(explaining.plans) == 2 * len(tables)
    assert [found for plan in explaining.plans for table in tables for found in unbounded(plan, table)] == []
    assert await compare(connection) == []


async def test_a_page_of_the_archive_is_read_without_what_follows(connection: Connection) -> None:
    """Also where all there is has one epoch, of which the planner knows."""
    await project(connection, None, runs(600))
    await connection.execute("ANALYZE events")
    place = {"partition": 0, "after_epoch": 1, "after_seq": 100, "before_epoch": 1, "before_seq": 1_700}

    plan = await plan_of(connection, statement("entries"), place | {"limit": 20, "bytes": 2**60})

    assert "Sort" not in [node["Node Type"] for node in plan]
    assert [found for node in plan for found in unbounded([node], node.get("Relation Name", ""))] == []
