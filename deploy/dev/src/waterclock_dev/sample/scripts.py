"""What each sample executor does: one script a kind of work, in the words of those who do such work.

It is long: texts, and nothing but them.
"""

from __future__ import annotations

from collections.abc import Mapping

from waterclock_dev.sample.plays import Act, Failure, Script

BACKUP = Script(
    acts=(
        Act(name="Check", ms=(200, 900), lines=("I PostgreSQL 17.2, database {database} of {size} MiB; pg_dump 17.2",)),
        Act(
            name="Dump and upload",
            ms=(24_000, 95_000),
            lines=(
                "I to s3://{bucket}/{database}, in parts of 16 MiB",
                "D part 1 uploaded: 16777216 bytes in {ms} ms",
                "D part 2 uploaded: 16777216 bytes in {ms} ms",
                "I {bytes} bytes in {parts} parts, SHA-256 {sha}",
            ),
            total=(400, 900),
            talk="D pg_dump: dumping contents of table public.{database}_{id}, {n} rows",
        ),
        Act(name="Verify", ms=(9_000, 22_000), lines=("I read back whole: size and SHA-256 are as dumped",)),
        Act(name="Clean up", ms=(300, 1_500), lines=("I kept {keepDays} days; deleted {k} older objects",)),
    ),
    failures=(
        Failure(
            type="ConnectionResetError",
            place=1,
            message="[Errno 104] Connection reset by peer while uploading part {k}",
            file="backup/upload.py",
            function="upload_part",
            code="await self._client.put(part.url, content=part.body)",
        ),
        Failure(
            type="TimeoutError",
            place=1,
            ms=60000,
            message="s3://{bucket} did not answer in 60 s",
            file="backup/store.py",
            function="head",
            code="async with asyncio.timeout(60):",
        ),
    ),
    result={"database": "$database", "bytes": "$bytes", "parts": "$parts", "sha256": "$sha", "verified": True},
)
REPORT = Script(
    acts=(
        Act(
            name="Collect",
            ms=(3_000, 14_000),
            lines=("I reading {report} from the warehouse", "I {total} rows in {ms} ms", "D cache hit ratio 0.{k}"),
            total=(4, 9),
            talk="D {report}: region {id}, {n} rows, {ms} ms",
        ),
        Act(
            name="Render",
            ms=(1_000, 6_000),
            lines=(
                "I \x1b[32m✓\x1b[0m summary   \x1b[32m✓\x1b[0m by region   \x1b[33m!\x1b[0m {k} rows without a region",
                "W {k} orders have no currency; taken as EUR, see https://wiki.example.com/finance/currencies#unknown",
            ),
        ),
        Act(name="Send", ms=(400, 1_800), lines=("I sent to {recipients}: https://reports.example.com/{report}/{id}",)),
    ),
    failures=(
        Failure(
            type="ValueError",
            place=0,
            message="{report}: {k} rows have a negative amount, first: order {id}",
            file="reports/collect.py",
            function="check_totals",
            code='raise ValueError(f"{report}: {len(bad)} rows have a negative amount, first: order {bad[0]}")',
        ),
    ),
    result={"rows": "$total", "pages": "$k", "url": "https://reports.example.com/latest"},
)
SYNC = Script(
    acts=(
        Act(
            name="Fetch changes",
            ms=(4_000, 40_000),
            lines=("I GET https://{source}/v2/changes?limit={pageSize} → 200 in {ms} ms", "D cursor {id}"),
            repeat=(1, 4),
            total=(5, 40),
            talk="D {source}: record {id} changed, {ms} ms",
        ),
        Act(
            name="Apply",
            ms=(2_000, 25_000),
            lines=(
                "I {total} changes applied to {target}, {k} of them new",
                "W contact {id}: no e-mail address, left out",
            ),
        ),
    ),
    failures=(
        Failure(
            type="ConnectionError",
            place=0,
            message="429 Too Many Requests from {source}: retry after {k} s",
            file="sync/http.py",
            function="fetch_page",
            code="response.raise_for_status()",
        ),
        Failure(
            type="KeyError",
            place=1,
            message="'customer_id' in record {id}",
            file="sync/apply.py",
            function="to_row",
            code='key = record["customer_id"]',
        ),
    ),
    result={"changed": "$total"},
)
CLEAN = Script(
    acts=(
        Act(
            name="Delete",
            ms=(600, 9_000),
            lines=("I {what}: older than {olderThan}", "I {total} deleted, {mb} MiB freed"),
            total=(100, 4_000),
            talk="D {what}/{id} deleted",
        ),
    ),
    failures=(
        Failure(
            type="PermissionError",
            message="[Errno 13] Permission denied: '{what}/{id}'",
            file="cleanup/delete.py",
            function="delete",
            code="os.unlink(path)",
        ),
    ),
    result={"deleted": "$total"},
)
INVOICES = Script(
    acts=(
        Act(name="Close period", ms=(800, 3_000), lines=("I ledger {ledger}: {n} open items",)),
        Act(
            name="Create invoices",
            ms=(20_000, 70_000),
            lines=("I {total} invoices in {currency}", "W customer {id}: no VAT number, invoice held back"),
            total=(300, 1_200),
            talk="I invoice {id}: {mb} {currency}",
        ),
        Act(
            name="Post", ms=(2_000, 8_000), lines=("I posted to https://ledger.example.com/{ledger}/batches/{version}",)
        ),
    ),
    failures=(
        Failure(
            type="ValueError",
            place=2,
            message="ledger {ledger}: debit and credit differ by 0.0{k} {currency}",
            file="billing/post.py",
            function="post",
            code="raise ValueError(unbalanced(batch))",
        ),
    ),
    result={"invoices": "$total", "batch": "$version"},
)
PDF = Script(
    acts=(
        Act(
            name="Render PDF",
            ms=(28_000, 75_000),
            lines=("I template {template}, {k} invoices", "D {k} pages in {ms} ms"),
            repeat=(1, 3),
            total=(10, 60),
        ),
    ),
    failures=(
        Failure(
            type="OSError",
            place=0,
            message="[Errno 28] No space left on device: '/var/spool/invoices/{id}.pdf'",
            file="billing/pdf.py",
            function="write",
            code="file.write(document)",
        ),
    ),
    result={"pages": "$k"},
)
PING = Script(
    acts=(),
    failures=(
        Failure(
            type="TimeoutError",
            message="GET {url}: no answer in 5 s",
            file="health/ping.py",
            function="ping",
            code="async with asyncio.timeout(5):",
        ),
    ),
    result={"status": 200, "ms": "$ms"},
    ms=(40, 480),
)
LOAD = Script(
    acts=(
        Act(name="Connect", ms=(100, 900), lines=("I connecting to {target}:5432",)),
        Act(
            name="Load",
            ms=(15_000, 110_000),
            lines=("I batch of {batch} rows from {source}: {ms} ms", "D COPY {n}"),
            repeat=(2, 6),
            total=(20, 80),
            talk="D {source} offset {n}: event {id} kind=page_view {ms} ms",
        ),
        Act(name="Merge", ms=(4_000, 20_000), lines=("I {total} rows merged, {k} duplicates dropped",)),
    ),
    failures=(
        Failure(
            type="ConnectionRefusedError",
            place=0,
            message="[Errno 111] Connect call failed ('{target}', 5432)",
            file="etl/load.py",
            function="connect",
            code="connection = await connect(self.target, timeout=10)",
        ),
    ),
    result={"rows": "$total"},
)
TRAIN = Script(
    acts=(
        Act(
            name="Load features", ms=(30_000, 90_000), lines=("I {n} rows, {k} features", "W feature {id}: 3 % missing")
        ),
        Act(
            name="Train",
            ms=(780_000, 1_500_000),
            lines=("I epoch: loss 0.{k} ({ms} ms/step)",),
            repeat=(12, 24),
            total=(20, 40),
            talk="D step {n}: loss 0.{k} lr 0.000{k}",
        ),
        Act(name="Evaluate", ms=(40_000, 80_000), lines=("I AUC 0.9{k} on the hold-out",)),
        Act(name="Publish", ms=(2_000, 6_000), lines=("I https://models.example.com/{model}/{version}",)),
    ),
    failures=(
        Failure(
            type="ValueError",
            place=1,
            message="loss is NaN at step {n}",
            file="ml/train.py",
            function="step",
            code='raise ValueError(f"loss is NaN at step {step}")',
        ),
    ),
    result={"auc": 0.93, "model": "$model", "version": "$version"},
)
REINDEX = Script(
    acts=(
        Act(name="Create index", ms=(500, 1_500), lines=("I {index}-{version} with {shards} shards",)),
        Act(
            name="Index documents",
            ms=(180_000, 420_000),
            lines=("I bulk of 5000 documents in {ms} ms", "W {k} documents rejected: mapper_parsing_exception"),
            repeat=(3, 8),
            total=(60, 140),
            talk="D bulk {id}: 500 documents, {ms} ms",
        ),
        Act(name="Switch alias", ms=(200, 700), lines=("I {index} → {index}-{version}",)),
    ),
    failures=(
        Failure(
            type="ConnectionError",
            place=1,
            message="503 from https://search.example.com/_bulk: no primary shard available",
            file="search/bulk.py",
            function="send",
            code="response.raise_for_status()",
        ),
    ),
    result={"documents": "$total"},
)
MAIL = Script(
    acts=(
        Act(name="Select recipients", ms=(400, 3_000), lines=("I {total} recipients of {list}",)),
        Act(
            name="Send",
            ms=(30_000, 140_000),
            lines=("I template {template}", "W {k} addresses bounced before"),
            total=(50, 200),
        ),
    ),
    failures=(
        Failure(
            type="ConnectionError",
            place=1,
            message="421 4.7.0 Try again later, closing connection (smtp.example.com)",
            file="mail/smtp.py",
            function="deliver",
            code="await session.sendmail(message)",
        ),
    ),
    result={"sent": "$total"},
)
CERTIFICATES = Script(
    acts=(
        Act(
            name="Check certificates",
            ms=(900, 5_000),
            lines=("I {host}: valid for {k} days more", "D issuer R11, serial {id}"),
            repeat=(2, 5),
        ),
    ),
    failures=(
        Failure(
            type="TimeoutError",
            place=0,
            ms=10000,
            message="{host}:443 did not answer in 10 s",
            file="certs/check.py",
            function="handshake",
            code="async with asyncio.timeout(10):",
        ),
    ),
    result={"checked": "$k"},
)
RATES = Script(
    acts=(
        Act(name="Fetch", ms=(300, 2_000), lines=("I {provider}: {k} rates against {base}",)),
        Act(name="Store", ms=(100, 600), lines=("I valid from 16:00 CET",)),
    ),
    failures=(
        Failure(
            type="ValueError",
            place=0,
            message="{provider}: the rates are those of yesterday",
            file="finance/rates.py",
            function="check_date",
            code='raise ValueError(f"{provider}: the rates are those of yesterday")',
        ),
    ),
    result={"rates": "$k"},
)
IMPORT = Script(
    acts=(Act(name="Import files", ms=(1_000, 9_000), lines=("I {host}{folder}: {k} files", "I {n} lines")),),
    failures=(
        Failure(
            type="ConnectionError",
            message="530 Login incorrect ({host})",
            file="legacy/ftp.py",
            function="login",
            code="client.login(user, password)",
        ),
    ),
    result={"files": "$k"},
)
VACUUM = Script(
    acts=(
        Act(
            name="Vacuum",
            ms=(60_000, 200_000),
            lines=("I VACUUM (ANALYZE) {schema}.events_{id}: {n} dead rows removed",),
            repeat=(3, 9),
            total=(3, 9),
        ),
    ),
    failures=(
        Failure(
            type="TimeoutError",
            place=0,
            message="canceling statement due to lock timeout",
            file="maintenance/vacuum.py",
            function="vacuum",
            code="await connection.execute(statement)",
        ),
    ),
)

SCRIPTS: Mapping[str, Script] = {
    "backup.dump": BACKUP,
    "report.build": REPORT,
    "sync.pull": SYNC,
    "data.clean": CLEAN,
    "invoice.create": INVOICES,
    "invoice.render": PDF,
    "health.ping": PING,
    "etl.load": LOAD,
    "ml.train": TRAIN,
    "search.reindex": REINDEX,
    "mail.send": MAIL,
    "certs.check": CERTIFICATES,
    "rates.fetch": RATES,
    "ftp.import": IMPORT,
    "table.vacuum": VACUUM,
}
"""By the key of the executor."""

DOWN = "warehouse-replica"
"""The host that does not answer these hours: what loads into it fails."""
