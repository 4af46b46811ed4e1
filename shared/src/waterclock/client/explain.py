"""`waterclock explain`: what became of a job's instants, and why."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec

from waterclock.client.api import connect, job_path, show
from waterclock.client.table import table
from waterclock.model.explain import Explanation


class Explanations(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of `/jobs/{id}/explain`."""

    items: tuple[Explanation, ...]
    next_cursor: str | None


@click.command()
@click.argument("job", metavar="JOB")
@click.option("--at", metavar="MOMENT", help="One moment, RFC 3339, be it an instant or not.")
@click.option("--from", "from_", metavar="MOMENT", help="RFC 3339, inclusive. By default a day before --to.")
@click.option("--to", metavar="MOMENT", help="RFC 3339, inclusive. By default now.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Instants at most.")
@click.option("--cursor", help="Where the page before ended.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
def explain(
    job: str,
    at: str | None,
    from_: str | None,
    to: str | None,
    limit: int,
    cursor: str | None,
    *,
    as_json: bool,
) -> None:
    """Say what became of the instants of JOB, group/name or id, or why a moment was never due."""
    api = connect()
    path = job_path(api.job_id(job), "explain")
    answer = api.get(path, at=at, from_=from_, to=to, limit=limit, cursor=cursor)
    show(answer, Explanations, told, as_json=as_json)


def told(page: Explanations) -> Iterator[str]:
    """A page of explanations in lines."""
    if not page.items:
        yield "The job names no instant there."
        return
    yield from table(("instant", "fate", "why"), [(item.instant, item.fate, item.text) for item in page.items])
    if page.next_cursor is not None:
        yield f"There are more: the same with --cursor {page.next_cursor}"
