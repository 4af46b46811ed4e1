"""Where this worker's executors may reach: what is announced of it, and what is told of it at the start."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from waterclock.executors.context import GiveUp
from waterclock.kit.settings import SettingsError
from waterclock.model.places import PlaceSpec, ReferenceSpec
from waterclock_worker.executors.http.references import REFERENCES, http_references
from waterclock_worker.executors.places.configuration import announced, places_of_process

_HTTP = "http.request"

log = logging.getLogger(__name__)


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What the API and `doctor` may know: names, bounds and digests."""

    places: tuple[PlaceSpec, ...] = ()
    references: Mapping[str, tuple[ReferenceSpec, ...]] = MappingProxyType({})
    """By executor, where they are not a place's."""


NOWHERE = Reach()


def reach_of(environment: Mapping[str, str]) -> Reach:
    """Read it, and tell what goes on in an older form, a line each.

    Raises:
        SettingsError: something of it is wrong.
    """
    places = places_of_process()
    try:
        references = http_references(environment)
    except GiveUp as error:
        raise SettingsError(str(error)) from None
    older = [*places.older(), *((REFERENCES, one) for one in references if not one.hosts)]
    for setting, one in older:
        log.warning(
            "reference listed without hosts",
            extra={"setting": setting, "reference": one.pattern, "write": f"{one.pattern}@HOST"},
        )
    for place in places.by_name.values():
        if place.drills == "sourceUnlisted" and place.connection is not None:
            log.warning(
                "drills restore on the source server",
                extra={"place": place.name, "write": "scratch = or drills = in a file that WATERCLOCK_PLACES names"},
            )
    return Reach(
        places=announced(places, environment),
        references={_HTTP: tuple(dict.fromkeys(one.spec for one in references))},
    )
