"""The object store, through aioboto3: each call bounded in time, each failure told as a `StoreFault`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Generator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from waterclock_worker.executors.backup.faults import StoreFault
from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.place import Place
from waterclock_worker.executors.backup.s3.body import Body
from waterclock_worker.executors.backup.s3.sdk import loaded, signer_of, variables_of

_CHUNK = 256 * 1024
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_REFUSED = "CERTIFICATE_VERIFY_FAILED"
_NO_UPLOADS = frozenset({"NoSuchUpload"})  # rclone's word where a bucket has never had one


class Listed(NamedTuple):
    key: str
    size: int
    modified_ms: int  # by the store's clock


class OpenUpload(NamedTuple):
    key: str
    upload_id: str
    begun_ms: int  # by the store's clock


class Store:
    """One bucket."""

    def __init__(self, client: Any, place: Place, limits: Limits, foreign: tuple[type[Exception], ...]) -> None:
        """`foreign`: what the SDK raises."""
        self.place = place
        self._client = client
        self._limits = limits
        self._foreign = foreign
        self.now_ms = 0  # the store's clock, as it was when it last listed

    async def begin_upload(self, key: str, metadata: dict[str, str]) -> str:
        answer = await self._call("create_multipart_upload", key, Metadata=metadata)
        return answer["UploadId"]

    async def put_part(self, key: str, upload_id: str, number: int, body: Body) -> str:
        """Returns its tag. Takes as long as it takes: the caller watches `body`."""
        with self._faults(f"part {number} of {key}"):
            answer = await self._client.upload_part(
                Bucket=self.place.bucket, Key=key, UploadId=upload_id, PartNumber=number, Body=body
            )
        return answer["ETag"]

    async def complete_upload(self, key: str, upload_id: str, tags: list[str]) -> None:
        """Make the object visible, unless one of that name is, where the store can tell."""
        parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, start=1)]
        arguments: dict[str, Any] = {"UploadId": upload_id, "MultipartUpload": {"Parts": parts}}
        try:
            await self._call("complete_multipart_upload", key, IfNoneMatch="*", **arguments)
        except StoreFault as fault:
            if fault.code != "NotImplemented":
                raise
            await self._call("complete_multipart_upload", key, **arguments)

    async def abort_upload(self, key: str, upload_id: str) -> None:
        """Nothing, if there is no such upload. A part under way may be stored after an abort, so it is looked for."""
        for _ in range(3):
            try:
                await self._call("abort_multipart_upload", key, UploadId=upload_id)
                await self._call("list_parts", key, UploadId=upload_id, MaxParts=1)
            except StoreFault as fault:
                if fault.code == "NoSuchUpload" or fault.code in _GONE:
                    return
                raise

    async def put(self, key: str, body: bytes, *, content_type: str) -> None:
        await self._call("put_object", key, Body=body, ContentType=content_type)

    async def size(self, key: str) -> int | None:
        """None, if there is no such object."""
        try:
            return (await self._call("head_object", key))["ContentLength"]
        except StoreFault as fault:
            if fault.code in _GONE:
                return None
            raise

    async def delete(self, key: str) -> None:
        await self._call("delete_object", key)

    async def get_small(self, key: str, *, most: int) -> bytes:
        """
        Raises:
            StoreFault: code `NoSuchKey` if there is no such object.
        """
        content = bytearray()
        async with asyncio.timeout(self._limits.call):
            async for chunk in self._read_from(key, 0):
                content += chunk
                if len(content) > most:
                    raise StoreFault(f"{key} is longer than {most} bytes")
        return bytes(content)

    async def read(self, key: str, *, size: int) -> AsyncGenerator[bytes]:
        """The object's content, in chunks; after a cut it goes on where it was. What follows `size` bytes may lack.

        Takes as long as the caller: it watches that something comes.
        """
        position = 0
        for left in reversed(range(self._limits.attempts)):
            try:
                async for chunk in self._read_from(key, position):
                    position += len(chunk)
                    yield chunk
            except StoreFault as fault:
                if position >= size:
                    return
                if not left or fault.code in _GONE:
                    raise
            else:
                return

    async def list(self, folder: str) -> list[Listed]:
        """All that lies directly in `folder`, which ends with a slash; sets `now_ms`."""
        found: list[Listed] = []
        arguments: dict[str, Any] = {"Prefix": folder, "Delimiter": "/", "MaxKeys": self._limits.page}
        while True:
            answer = await self._call("list_objects_v2", folder, keyed=False, **arguments)
            self.now_ms = _store_clock(answer)
            found += [Listed(one["Key"], one["Size"], _ms(one["LastModified"])) for one in answer.get("Contents", ())]
            if not answer.get("IsTruncated"):
                return found
            arguments["ContinuationToken"] = answer["NextContinuationToken"]

    async def open_uploads(self, folder: str) -> list[OpenUpload]:
        """Multipart uploads whose keys begin with `folder`, begun and neither completed nor aborted."""
        found: list[OpenUpload] = []
        arguments: dict[str, Any] = {"Prefix": folder, "MaxUploads": self._limits.page}
        while True:
            try:
                answer = await self._call("list_multipart_uploads", folder, keyed=False, **arguments)
            except StoreFault as fault:
                if fault.code in _NO_UPLOADS:
                    return found
                raise
            for one in answer.get("Uploads", ()):
                found.append(OpenUpload(one["Key"], one["UploadId"], _ms(one["Initiated"])))  # noqa: PERF401
            if not answer.get("IsTruncated"):
                return found
            arguments["KeyMarker"] = answer["NextKeyMarker"]
            arguments["UploadIdMarker"] = answer["NextUploadIdMarker"]

    async def _read_from(self, key: str, position: int) -> AsyncGenerator[bytes]:
        arguments = {"Range": f"bytes={position}-"} if position else {}
        with self._faults(f"reading {key}"):
            answer = await self._client.get_object(Bucket=self.place.bucket, Key=key, **arguments)
            body = answer["Body"]
            async with body:  # which is not what it enters as
                while chunk := await body.read(_CHUNK):
                    yield chunk

    async def _call(self, operation: str, what: str, *, keyed: bool = True, **arguments: Any) -> Any:
        if keyed:
            arguments["Key"] = what
        with self._faults(f"{operation.replace('_', ' ')} {what}"):
            try:
                async with asyncio.timeout(self._limits.call):
                    return await getattr(self._client, operation)(Bucket=self.place.bucket, **arguments)
            except TimeoutError:
                raise StoreFault(f"the object store: {operation.replace('_', ' ')} took too long") from None

    @contextlib.contextmanager
    def _faults(self, what: str) -> Generator[None]:
        try:
            yield
        except self._foreign as error:
            code = _code(error)
            hint = " (AWS_CA_BUNDLE names who may sign it)" if _REFUSED in str(error) else ""
            raise StoreFault(f"the object store: {what}: {type(error).__name__}: {error}{hint}", code=code) from None


@contextlib.asynccontextmanager
async def open_store(place: Place, limits: Limits) -> AsyncGenerator[Store]:
    sdk = await asyncio.to_thread(loaded)
    inner = sdk.session.AioSession(session_vars=variables_of(place))
    inner.register_component("data_loader", sdk.loader)
    session = sdk.aioboto3.Session(
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name=place.region,
        botocore_session=inner,
    )
    settings = sdk.config.Config(
        connect_timeout=limits.connect,
        read_timeout=limits.read,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        max_pool_connections=limits.concurrency + 2,
        ignore_configured_endpoint_urls=True,  # the place says where
        # Newer checksums are not known to every store; ours are the signed SHA-256 of each part and that of the whole.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if place.endpoint else "auto"},
    )
    async with session.client("s3", endpoint_url=place.endpoint, config=settings) as client:
        client.meta.events.register("choose-signer.s3.UploadPart", signer_of)
        yield Store(client, place, limits, sdk.errors)


def _code(error: Exception) -> str:
    """The store's own word for it, which the SDK keeps in its ClientError."""
    answer: Any = getattr(error, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))


def _store_clock(answer: Any) -> int:
    """The end of the second it answered in, by its own header: no object is younger."""
    return _ms(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])) + 999


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
