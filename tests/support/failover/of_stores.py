"""Postgres changes places, or is put back; both stores are put back."""

from __future__ import annotations

from tests.support.asking import ask
from tests.support.evidence import connected
from tests.support.failover.field import PREFIX, Field, Row
from tests.support.failover.stages import Both, both
from tests.support.waiting import until
from waterclock_api.projector.trim import MARGIN

BEHIND = 3.0  # s that the standby lacks
TURN = 8.0  # s
TRIMMED = 120.0  # s
BEYOND = 200  # entries
TOLD = "loss reported partition={}"
STEP = 16  # epochs that a restore goes beyond what it knows
TRIMMING = {"STREAM_BYTES": "65536", "TRIM_AFTER": "1"}


async def archive_behind(field: Field[Both]) -> None:
    stage = field.stage
    stage.standby.link.hold()
    await field.go_on(BEHIND)
    await stage.standby.primary.kill()
    await _promote(stage)
    await field.writable("the promotion")
    await field.go_on(BEHIND)


async def archive_behind_and_back(field: Field[Both]) -> None:
    """The old primary is rewound to where the two parted, follows, and is promoted in its turn."""
    stage = field.stage
    await archive_behind(field)
    turned = await stage.standby.rewind()
    await turned.primary.kill()
    await turned.promote()
    stage.store.lead_to(turned.standby.port, cut=True)
    stage.moved = False
    await field.writable("the way back")


async def archive_split(field: Field[Both]) -> None:
    """The old one lives: the address leads to the new one, the old one, the new one."""
    stage = field.stage
    await stage.standby.in_step()
    await _promote(stage)
    await field.go_on(TURN)
    stage.store.lead_to(stage.standby.primary.port, cut=True)
    await field.go_on(TURN)
    stage.store.lead_to(stage.standby.standby.port, cut=True)
    await field.go_on(TURN)
    await field.writable("the last turn")


async def archive_in_step(field: Field[Both]) -> None:
    stage = field.stage
    await stage.standby.in_step()
    await stage.standby.primary.kill()
    await _promote(stage)
    await field.writable("the promotion")


async def archive_put_back(field: Field[Both]) -> None:
    """To before what the log had trimmed; then the loss is accepted."""
    stage = field.stage
    stage.standby.link.hold()
    async with (
        connected(stage.holding, stage.standby.standby.url, prefix=PREFIX) as behind,
        connected(stage.holding, stage.archive, prefix=PREFIX) as ahead,
    ):

        async def trimmed() -> bool:
            """Beyond what the standby has, and what stays of what is archived."""
            ends = [(await one.archived(partition))[-1].position.seq for one in (behind, ahead) for partition in (0, 1)]
            return all(now - then > MARGIN + BEYOND for then, now in zip(ends[:2], ends[2:], strict=True))

        await until(trimmed, within=TRIMMED, what="the log is trimmed beyond what the standby has")
    await field.go_on(BEHIND)
    await stage.standby.primary.kill()
    await _promote(stage)
    await field.go_on(TURN)
    code, said = await field.verb("reconcile", "--accept-loss", "--apply")
    field.fleet.tell(f"reconcile --accept-loss --apply: {code}\n{said}")
    await field.writable("the loss is accepted")


async def archive_put_back_then_emptied(field: Field[Both]) -> None:
    """After it the log is lost, too, and put back from that archive."""
    await archive_put_back(field)
    stage = field.stage
    await field.go_on(TURN)
    await stage.old.kill()
    await stage.promote()  # the replica, which was in step: then it is emptied
    await ask(stage.new, "FLUSHALL")
    await field.writable("the log is put back")


async def log_older(field: Field[Both]) -> None:
    """Both lost: the log's copy is of 16 s before, the archive's of 8 s before."""
    await _both_lost(field, log_first=True)


async def archive_older(field: Field[Both]) -> None:
    await _both_lost(field, log_first=False)


async def of_one_moment(field: Field[Both]) -> None:
    """Both put back to one moment in an epoch, after a restart of the log had begun the next one."""
    await _fall_behind_an_epoch(field)
    await _put_back(field)
    await field.writable("both are put back")


async def of_one_moment_and_restored(field: Field[Both]) -> None:
    """The log is filled from the archive by an operator, before a projector sees what was put back.

    What the log's copy has beyond the archive's is not archived: that is refused until it is accepted to be lost.
    """
    await _fall_behind_an_epoch(field)
    async with field.fleet.without("projector-1"):
        await _put_back(field)
        code, said = await field.verb("restore", "--replace", "--accept-loss")
        field.fleet.tell(f"restore --replace --accept-loss: {code}\n{said}")
        if code:
            field.faults.append(f"restore --replace --accept-loss: exit code {code}: {said[-1500:]}")
    if said.count(f"epoch={1 + STEP} ") < field.stage.partitions:
        field.faults.append(f"the log does not go on in epoch {1 + STEP}: {said[-1500:]}")
    await field.writable("the log is restored")
    for partition in range(field.stage.partitions):
        await field.fleet.says(TOLD.format(partition))  # within a minute: a projector has to be alone for half of it


async def _fall_behind_an_epoch(field: Field[Both]) -> None:
    """Replica and standby have one moment of an epoch; a restart of the log has begun the next one since."""
    stage = field.stage
    await stage.standby.in_step()
    await stage.in_step()
    stage.link.hold()
    stage.standby.link.hold()
    await field.go_on(1)
    await stage.old.kill()
    await stage.old.start()
    await field.writable("the restart")
    await field.go_on(TURN)


async def _both_lost(field: Field[Both], *, log_first: bool) -> None:
    stage = field.stage
    first, second = (stage.link, stage.standby.link) if log_first else (stage.standby.link, stage.link)
    first.hold()
    await field.go_on(TURN)
    second.hold()
    await field.go_on(TURN)
    await _put_back(field)
    await field.writable("both are put back")


async def _put_back(field: Field[Both]) -> None:
    stage = field.stage
    await stage.old.kill()
    await stage.standby.primary.kill()
    await _promote(stage)
    await stage.promote()


async def _promote(stage: Both) -> None:
    await stage.standby.promote()
    stage.store.lead_to(stage.standby.standby.port, cut=True)
    stage.moved = True


FORKED, LOST = ("log.forked",), ("log.truncated",)
ROWS: tuple[Row[Both], ...] = (
    Row("C1", "Postgres primary killed, standby behind", both, archive_behind),
    Row("C1a", "C1; the old one is rewound, follows, is promoted", both, archive_behind_and_back),
    Row("C2", "Postgres split; address new, old, new", both, archive_split),
    Row("C3", "Postgres primary killed, standby in step", both, archive_in_step),
    Row(
        "D1",
        "Postgres put back to before what was trimmed",
        both,
        archive_put_back,
        keeps=False,
        tells=("archive.lost",),
        has_hole=True,
        told=TRIMMING,
    ),
    Row(
        "D2",
        "D1, and a repair",
        both,
        archive_put_back_then_emptied,
        keeps=False,
        tells=FORKED,
        has_hole=True,
        told=TRIMMING,
    ),
    Row("E1", "both lost, the log's copy older", both, log_older, keeps=False, tells=FORKED + LOST),
    Row("E2", "both lost, the archive's copy older", both, archive_older, keeps=False, tells=LOST),
    Row("E3", "both put back into the epoch before", both, of_one_moment, keeps=False, tells=LOST),
    Row(
        "E3a",
        "the same, and the log restored",
        both,
        of_one_moment_and_restored,
        keeps=False,
        tells=FORKED + LOST,
    ),
)
