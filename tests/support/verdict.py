"""All that must hold at the end of a campaign, in one list: what is wrong, in words; empty, when all is well."""

from collections.abc import Iterable

from tests.support import proofs
from tests.support.evidence import Evidence
from tests.support.listening import Listener
from tests.support.load import Load
from waterclock.kit.clock import SystemClock


def broken(load: Load, evidence: Evidence) -> Iterable[str]:
    entries = evidence.entries
    for partition, archived in evidence.archives.items():
        yield from proofs.chain(archived)
        yield from proofs.alike(archived, evidence.streams[partition])
    yield from proofs.runs_end_once(entries)
    yield from proofs.attempts_are_told_apart(entries)
    yield from proofs.attempts_are_counted_once(entries)
    yield from proofs.serial_jobs_never_overlap(entries)
    yield from proofs.lines_are_whole(entries)
    yield from proofs.instants_are_decided(entries, now_ms=SystemClock().now_ms())
    yield from proofs.answers_are_kept(entries, load.answered, load.unsure)
    yield from (f"read models: {difference}" for difference in evidence.differences)
    yield from (f"{key} still holds {size}" for key, size in evidence.left.items())
    yield from load.surprises


def misheard(name: str, listener: Listener, stored: list[proofs.Entry]) -> list[str]:
    faults = [*proofs.heard_once(listener.heard, stored), *listener.surprises]
    return [f"{name}: {fault}" for fault in faults]
