"""A place, as a worker's configuration describes it, and what is announced of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from waterclock.model.places import OWN, REFERENCES, Drills, PlaceSpec, accepted
from waterclock_worker.executors.reach.references import Listed

REGION = "us-east-1"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job that names it may reach, and how. Secrets are references, read when a run needs them."""

    name: str
    setting: str
    """Where its references are listed, for messages."""
    hint: str
    """Where the rest of it is, for a refusal."""
    connection: Listed | None = None
    databases: tuple[str, ...] = ()
    """That a job may name, beside the one in the URL of its connection."""
    endpoint: str | None = None
    """None: Amazon's."""
    region: str = REGION
    bucket: str | None = None
    prefix: str | None = None
    """The folder that all of a job's backups lie in; None: any."""
    access_key: Listed | None = None
    secret_key: Listed | None = None
    scratch: Listed | None = None
    """The server that drills restore on."""
    retention_days: int = 0
    keep_last: int = 1
    free: tuple[str, ...] = ()
    adhoc: bool = False
    drills: Drills = "none"
    references: tuple[Listed, ...] = ()
    """That a job may give for any of `REFERENCES`."""
    listed: Mapping[str, tuple[Listed, ...]] = {}
    """That it may give for one of them."""
    values: Mapping[str, tuple[str, ...]] = {}
    """That it may give for another member of `OWN`."""

    def own(self, member: str) -> Listed | None:
        """Its own reference for a member of `REFERENCES`."""
        return {
            "connection": self.connection,
            "accessKey": self.access_key,
            "secretKey": self.secret_key,
            "target": self.scratch,
        }[member]

    def taken(self, member: str) -> tuple[Listed, ...]:
        """What a job may give for a member of `REFERENCES`, beside the place's own."""
        return (*self.listed.get(member, ()), *self.references)

    def older(self) -> list[Listed]:
        """Listed without hosts."""
        return [one for one in (*self.references, *(o for some in self.listed.values() for o in some)) if not one.hosts]

    def spec(self, databases: tuple[str, ...] | None) -> PlaceSpec:
        """What is announced; `databases`: all that a job may name, if that is known."""
        patterns = [*self.references]
        patterns += [one for some in self.listed.values() for one in some if not (one.is_literal and one.hosts)]
        accepts = {member: tuple(dict.fromkeys(self._digests(member))) for member in OWN}
        return PlaceSpec(
            name=self.name,
            databases=databases,
            prefix=self.prefix,
            retention_days=self.retention_days,
            keep_last=self.keep_last,
            free=self.free,
            adhoc=self.adhoc,
            drills=self.drills,
            references=tuple(dict.fromkeys(one.spec for one in patterns)),
            accepts={member: digests for member, digests in accepts.items() if digests},
        )

    def _digests(self, member: str) -> Iterator[str]:
        for value in self._literals(member):
            yield accepted(self.name, member, value)

    def _literals(self, member: str) -> Iterator[str]:
        if member in REFERENCES:
            if (own := self.own(member)) is not None:
                yield own.pattern
            yield from (one.pattern for one in self.listed.get(member, ()) if one.is_literal and one.hosts)
            return
        own = {"bucket": self.bucket, "endpoint": self.endpoint, "region": self.region}[member]
        if own is not None:
            yield own
        yield from self.values.get(member, ())


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """All places of a worker."""

    by_name: Mapping[str, Place] = {}

    def older(self) -> list[tuple[str, Listed]]:
        """References that are listed without hosts, each with where they are."""
        return [(place.setting, one) for place in self.by_name.values() for one in place.older()]
