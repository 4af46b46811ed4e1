"""Which server is the primary, by the word of sentinels: of the majority of those that the URL names.

The driver's own Sentinel client believes the first that answers, also one that is cut off from the others; so the words
are counted here. One that is silent, or in TILT (its clock leapt, and it trusts nothing that it saw), has no vote.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Address, Deployment
from waterclock.log.connection.connections import facts, pack
from waterclock.log.connection.errors import LogError


class Verdict(NamedTuple):
    """`primary` None: no majority names one, and `reason` says why. `unknown`: a majority knows no such master."""

    primary: Address | None
    reason: str
    unknown: bool = False


def question(master: str) -> tuple[bytes, bytes]:
    """What each is asked, at once."""
    return pack("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master), pack("INFO", "sentinel")


def verdict_of(deployment: Deployment, answers: Mapping[Address, list[Any] | LogError]) -> Verdict:
    """Count the votes."""
    votes: Counter[Address] = Counter()
    unknown: list[Address] = []
    silent: list[str] = []
    for asked, replies in answers.items():
        if isinstance(replies, LogError):
            silent.append(str(replies))
        elif isinstance(replies[0], ResponseError):
            silent.append(f"{asked} refuses to answer: {replies[0]}")
        elif _in_tilt(replies[1]):
            silent.append(f"{asked} is in TILT")
        elif replies[0] is None:
            unknown.append(asked)
        else:
            host, port = cast("Sequence[bytes]", replies[0])
            votes[deployment.reached(Address(host.decode(), int(port)))] += 1
    enough = len(deployment.sentinels) // 2 + 1
    said = [f"{address} is named by {count}" for address, count in votes.most_common()]
    if unknown:
        said.append(f"no master {deployment.master!r} is known to {', '.join(map(str, unknown))}")
    reason = "; ".join([*said, *silent])
    for address, count in votes.items():
        if count >= enough:
            return Verdict(address, reason if len(said) > 1 else "")
    if len(unknown) >= enough:
        return Verdict(None, f"{len(unknown)} of {len(answers)} sentinels know no master {deployment.master!r}", True)
    return Verdict(None, f"no {enough} of {len(answers)} sentinels agree: {reason}")


def _in_tilt(info: Any) -> bool:
    """Whether it says so; a sentinel that may not be asked for it is believed."""
    return isinstance(info, bytes) and facts(info).get("sentinel_tilt", "0") != "0"
