"""What the SDK is given for a part."""

from __future__ import annotations

import hashlib

from tests.integration.backup.stage import IMPATIENT, outside
from tests.support.servers import Bucket
from waterclock_worker.executors.backup.place import Place
from waterclock_worker.executors.backup.s3.body import Body
from waterclock_worker.executors.backup.s3.store import open_store


class Unread(Body):
    def read(self, size: int, /) -> memoryview:
        raise AssertionError(f"the SDK reads {size} bytes of the part by itself")


async def test_a_part_is_signed_with_the_digest_it_brings_and_sent_from_where_it_lies(s3: Bucket) -> None:
    part = memoryview(bytearray(b"tide" * 300_000))
    place = Place(
        bucket=s3.bucket, endpoint=s3.endpoint, region="us-east-1", access_key=s3.access_key, secret_key=s3.secret_key
    )
    pieces: list[None] = []
    async with open_store(place, IMPATIENT) as store:
        upload_id = await store.begin_upload("a", {})
        body = Unread(part, hashlib.sha256(part).hexdigest(), lambda: pieces.append(None))
        tag = await store.put_part("a", upload_id, 1, body)
        await store.complete_upload("a", upload_id, [tag])

    assert outside(s3).get("a") == bytes(part)
    assert len(pieces) == 5
