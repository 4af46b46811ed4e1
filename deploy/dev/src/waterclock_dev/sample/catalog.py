"""The sample's jobs: what they are told, since when there are, and how their attempts go as a rule.

It is long: one table.
"""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.model.definition import Definition
from waterclock.model.ids import JobId, created_job
from waterclock.model.retry import RetryPolicy
from waterclock_dev.sample.scripts import DOWN

BERLIN, NEW_YORK, TOKYO = "Europe/Berlin", "America/New_York", "Asia/Tokyo"
PAST_DAYS = 90

ANNA, BEN, CHIOMA, TERRAFORM, DEPLOYER = (
    "jwt:anna@192.0.2.14",
    "jwt:ben@192.0.2.31",
    "jwt:chioma@198.51.100.7",
    "key:terraform@203.0.113.5",
    "key:deployer@203.0.113.9",
)
"""Who works with the installation, from addresses of the blocks for documentation (RFC 5737)."""

_STEADY = RetryPolicy(max_attempts=3, backoff="fixed", initial=60)
_ONCE = RetryPolicy(max_attempts=1)


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A job of the sample. Chances are those of an attempt."""

    definition: Definition
    since: float  # days before the end
    actor: str = TERRAFORM
    seldom: bool = False  # all of its runs are told with steps and lines, not the recent ones alone
    failing: float = 0.004
    slow: float = 0.01
    hanging: float = 0.0
    crashing: float = 0.0
    talkative: float = 0.0
    growth: float = 0.0
    """By how much longer it takes at the end of the ninety days than at their beginning, as a share."""

    @property
    def job_id(self) -> JobId:
        return created_job(f"sample {self.name}")

    @property
    def name(self) -> str:
        return f"{self.definition.job_group}/{self.definition.job_name}"


def _job(name: str, target: str, params: dict[str, Any], cron: str | None, **more: Any) -> Definition:
    group, _, own = name.partition("/")
    return Definition(
        job_name=own, job_group=group, invoke_target=target, invoke_params=params, cron_expression=cron, **more
    )


def _labels(team: str, **more: str) -> dict[str, str]:
    return {"team": team, **more}


NIGHTLY, WEEKLY = "backups/nightly-orders", "backups/weekly-archive"
REVENUE, CLOSE, SALES = "reports/daily-revenue", "reports/monthly-close", "reports/us-sales"
CRM, STOCK = "sync/crm-contacts", "sync/inventory"
TMP, SESSIONS = "cleanup/tmp-files", "cleanup/expired-sessions"
INVOICES, PDFS = "billing/invoices", "billing/invoice-pdfs"
PING, HOURLY, ORDERS = "health/ping-api", "etl/hourly-events", "etl/orders-to-warehouse"
RETRAIN, REINDEX = "ml/retrain", "search/reindex-catalog"
DIGEST, CERTIFICATES, RATES = "mail/weekly-digest", "certs/renewal-check", "finance/fx-rates"
FTP, CSV, VACUUM = "legacy/ftp-import", "legacy/csv-mailer", "maintenance/vacuum-analytics"
LONG = "データ連携/顧客マスタ同期（東京リージョン→大阪バックアップ）— Ünïcødé: přenos zákazníků 🌊 č. 7"

JOBS: tuple[Planned, ...] = (
    Planned(
        definition=_job(
            NIGHTLY,
            "backup.dump",
            {"database": "orders", "bucket": "acme-backups", "keepDays": 30},
            "0 2 * * *",
            timezone=BERLIN,
            queue="critical",
            misfire_policy="2",
            retry=_STEADY,
            labels=_labels("platform", tier="1", monitor="true"),
            remark="Restore drill: every first Monday, see the run book.",
        ),
        since=90,
        seldom=True,
        failing=0.06,
        growth=0.45,
    ),
    Planned(
        definition=_job(
            WEEKLY,
            "backup.dump",
            {"database": "archive", "bucket": "acme-archive", "keepDays": 400},
            "30 3 * * SUN",
            timezone=BERLIN,
            misfire_policy="2",
            retry=_STEADY,
            labels=_labels("platform", tier="2"),
        ),
        since=90,
        seldom=True,
    ),
    Planned(
        definition=_job(
            REVENUE,
            "report.build",
            {"report": "daily-revenue", "recipients": "finance@example.com"},
            "0 6 * * MON-FRI",
            timezone=BERLIN,
            misfire_policy="2",
            labels=_labels("finance", tier="1"),
        ),
        since=90,
        seldom=True,
        failing=0.05,
    ),
    Planned(
        definition=_job(
            CLOSE,
            "report.build",
            {"report": "monthly-close", "recipients": "controlling@example.com"},
            "0 7 1 * *",
            timezone=BERLIN,
            misfire_policy="2",
            labels=_labels("finance"),
        ),
        since=90,
        actor=ANNA,
        seldom=True,
    ),
    Planned(
        definition=_job(
            SALES,
            "report.build",
            {"report": "us-sales", "recipients": "sales-us@example.com"},
            "30 1 * * *",
            timezone=NEW_YORK,
            dst_fold="both",
            misfire_policy="2",
            labels=_labels("sales", region="us"),
            remark="01:30 comes twice in the night of the change to winter time: both are wanted.",
        ),
        since=90,
        actor=BEN,
        seldom=True,
    ),
    Planned(
        definition=_job(
            CRM,
            "sync.pull",
            {"source": "crm.example.com", "target": "contacts", "pageSize": 200},
            "*/30 7-19 * * MON-FRI",
            timezone=BERLIN,
            misfire_policy="3",
            labels=_labels("sales"),
        ),
        since=90,
        failing=0.02,
        slow=0.01,
        hanging=0.006,
    ),
    Planned(
        definition=_job(
            STOCK,
            "sync.pull",
            {"source": "erp.example.com", "target": "stock", "pageSize": 500},
            "*/10 * * * *",
            misfire_policy="2",
            timeout=2_400,
            labels=_labels("shop"),
        ),
        since=8,
        slow=0.02,
        hanging=0.006,
    ),
    Planned(
        definition=_job(
            TMP,
            "data.clean",
            {"what": "/srv/uploads/tmp", "olderThan": "48 h"},
            "0 */4 * * *",
            queue="low",
            labels=_labels("platform"),
            jitter=120,
        ),
        since=90,
        failing=0.01,
    ),
    Planned(
        definition=_job(
            SESSIONS,
            "data.clean",
            {"what": "sessions", "olderThan": "30 d"},
            "*/5 * * * *",
            retry=_ONCE,
            labels=_labels("shop"),
        ),
        since=5,
        failing=0.006,
    ),
    Planned(
        definition=_job(
            INVOICES,
            "invoice.create",
            {"ledger": "main", "currency": "EUR"},
            "0 4 * * *",
            queue="critical",
            misfire_policy="1",
            retry=_STEADY,
            labels=_labels("billing", tier="1"),
        ),
        since=90,
        actor=CHIOMA,
        seldom=True,
        failing=0.04,
    ),
    Planned(
        definition=_job(
            PDFS,
            "invoice.render",
            {"template": "2026-a4"},
            "20 * * * *",
            concurrent="0",
            misfire_policy="1",
            catchup_window=3_600,
            labels=_labels("billing"),
        ),
        since=18,
        actor=CHIOMA,
        failing=0.01,
    ),
    Planned(
        definition=_job(
            PING,
            "health.ping",
            {"url": "https://api.example.com/healthz"},
            "* * * * *",
            queue="critical",
            concurrent="0",
            retry=_ONCE,
            timeout=30,
            labels=_labels("platform", tier="1"),
        ),
        since=3,
        actor=DEPLOYER,
        failing=0.004,
    ),
    Planned(
        definition=_job(
            HOURLY,
            "etl.load",
            {"source": "events.page_views", "target": DOWN, "batch": 10_000},
            "5 * * * *",
            misfire_policy="1",
            catchup_limit=2,
            retry=RetryPolicy(max_attempts=3, initial=60, max=600),
            labels=_labels("data", tier="1", monitor="true"),
        ),
        since=90,
        actor=ANNA,
        failing=0.01,
        slow=0.01,
        talkative=0.004,
        growth=0.7,
    ),
    Planned(
        definition=_job(
            ORDERS,
            "etl.load",
            {"source": "shop.orders", "target": "warehouse", "batch": 5_000},
            "35 * * * *",
            misfire_policy="2",
            labels=_labels("data"),
        ),
        since=55,
        actor=ANNA,
        failing=0.015,
        crashing=0.004,
    ),
    Planned(
        definition=_job(
            RETRAIN,
            "ml.train",
            {"model": "ranking"},
            "0 1 * * MON,THU",
            misfire_policy="2",
            timeout=2_700,
            retry=_ONCE,
            labels=_labels("data", model="ranking"),
        ),
        since=90,
        actor=BEN,
        seldom=True,
        hanging=0.06,
        failing=0.05,
    ),
    Planned(
        definition=_job(
            REINDEX,
            "search.reindex",
            {"index": "catalog", "shards": 6},
            "0 */6 * * *",
            queue="low",
            overlap_policy="cancel_other",
            retry=_ONCE,
            labels=_labels("search"),
        ),
        since=45,
        actor=BEN,
        failing=0.02,
    ),
    Planned(
        definition=_job(
            DIGEST,
            "mail.send",
            {"list": "subscribers-us", "template": "digest"},
            "0 8 * * MON",
            timezone=NEW_YORK,
            misfire_policy="2",
            labels=_labels("marketing", region="us"),
        ),
        since=90,
        seldom=True,
    ),
    Planned(
        definition=_job(
            CERTIFICATES,
            "certs.check",
            {"host": "www.example.com"},
            "0 5 * * *",
            queue="low",
            labels=_labels("platform"),
        ),
        since=90,
        seldom=True,
        failing=0.03,
    ),
    Planned(
        definition=_job(
            RATES,
            "rates.fetch",
            {"provider": "ecb", "base": "EUR"},
            "0 16 * * MON-FRI",
            timezone=BERLIN,
            misfire_policy="2",
            retry=_STEADY,
            labels=_labels("finance"),
        ),
        since=90,
        seldom=True,
        failing=0.1,
    ),
    Planned(
        definition=_job(
            FTP,
            "ftp.import",
            {"host": "ftp.partner.example.com", "folder": "/outbox"},
            "0 * * * *",
            queue="low",
            retry=_ONCE,
            labels=_labels("integration"),
        ),
        since=60,
        failing=0.05,
    ),
    Planned(
        definition=_job(
            CSV,
            "mail.send",
            {"list": "partners", "template": "csv-export"},
            "15 3 * * *",
            labels=_labels("integration"),
        ),
        since=90,
        seldom=True,
        failing=0.08,
    ),
    Planned(
        definition=_job(
            VACUUM,
            "table.vacuum",
            {"schema": "analytics"},
            None,
            queue="low",
            labels=_labels("data"),
            remark="By hand, after large deletions.",
        ),
        since=80,
        actor=CHIOMA,
        seldom=True,
    ),
    Planned(
        definition=_job(
            LONG,
            "sync.pull",
            {"source": "crm.example.jp", "target": "顧客マスタ", "pageSize": 100},
            "0 18 * * *",
            timezone=TOKYO,
            misfire_policy="2",
            labels=_labels("sales", region="jp", owner="山田"),
        ),
        since=70,
        actor=CHIOMA,
        seldom=True,
    ),
)
