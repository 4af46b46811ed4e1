"""How long a partition may be without a projector that works."""

from waterclock_api.projector import handover, service


def test_a_handover_takes_five_seconds_at_most() -> None:
    """What each part of it may take, with half a second left for connecting and opening."""
    assert handover.SILENCE + 2 * service.LOOK_EVERY + handover.PATIENCE < 5 - 0.5


def test_a_projector_that_lives_is_never_silent_for_so_long() -> None:
    assert handover.SILENCE > 4 * service.LOOK_EVERY
