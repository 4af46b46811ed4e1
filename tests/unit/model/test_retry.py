"""The delay before another attempt."""

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from waterclock.model.retry import RetryPolicy, delay

POLICIES = st.builds(
    RetryPolicy,
    backoff=st.sampled_from(["exponential", "fixed"]),
    initial=st.floats(0, 86_400),
    max=st.floats(0, 604_800),
)
CHANCES = st.floats(0, 1, exclude_max=True)


def test_the_bound_doubles_until_the_maximum() -> None:
    policy = RetryPolicy(initial=10, max=100)
    almost = math.nextafter(1, 0)
    assert [round(delay(policy, failures, almost)) for failures in range(1, 7)] == [10, 20, 40, 80, 100, 100]


def test_the_mean_over_all_chances_is_half_the_bound() -> None:
    policy = RetryPolicy(initial=10, max=3600)
    chances = [(n + 0.5) / 1000 for n in range(1000)]
    assert sum(delay(policy, 3, chance) for chance in chances) / 1000 == pytest.approx(20)


def test_a_fixed_delay_leaves_nothing_to_chance() -> None:
    policy = RetryPolicy(backoff="fixed", initial=10, max=3600)
    assert {delay(policy, failures, chance) for failures in (1, 2, 9) for chance in (0.0, 0.5, 0.99)} == {10}


@given(policy=POLICIES, failures=st.integers(1, 10**9), chance=CHANCES)
def test_a_delay_is_never_negative_and_never_above_the_maximum(
    policy: RetryPolicy, failures: int, chance: float
) -> None:
    assert 0 <= delay(policy, failures, chance) <= policy.max


@given(policy=POLICIES, failures=st.integers(1, 100), chance=CHANCES)
def test_another_failure_never_shortens_the_delay(policy: RetryPolicy, failures: int, chance: float) -> None:
    assert delay(policy, failures, chance) <= delay(policy, failures + 1, chance)


@given(failures=st.integers(1, 100), chance=CHANCES)
def test_an_exponential_delay_is_its_bound_times_the_chance(failures: int, chance: float) -> None:
    policy = RetryPolicy(initial=2, max=500)
    assert delay(policy, failures, chance) == pytest.approx(min(500, 2 * 2 ** (failures - 1)) * chance)


def test_missing_members_take_the_defaults() -> None:
    policy = msgspec.json.decode(b'{"maxAttempts": 5}', type=RetryPolicy)
    assert policy == RetryPolicy(max_attempts=5, backoff="exponential", initial=10, max=3600)


@pytest.mark.parametrize("body", [b'{"maxAttempts": 0}', b'{"initial": -1}', b'{"max": -1}', b'{"backoff": "random"}'])
def test_a_policy_out_of_bounds_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=RetryPolicy)
