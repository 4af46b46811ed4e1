"""Routes of the fleet: the executors that workers announced."""

from __future__ import annotations

from litestar import get

from waterclock_api import reads
from waterclock_api.answers import Answer, answer
from waterclock_api.intake import NoQuery, read_query
from waterclock_api.parts import parts_of
from waterclock_api.shapes import Executors
from waterclock_api.spec import AnyRequest, Spec


@get("/v1/monitor/executors", spec=Spec(answers={200: Executors}))
async def list_executors(request: AnyRequest) -> Answer:
    """List every executor that a worker ever announced, with the schemas of its parameters and its result."""
    parts = parts_of(request)
    read_query(request, NoQuery)
    async with parts.reading() as connection:
        return answer(await reads.executors(connection))


HANDLERS = (list_executors,)
