from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lds_mlflow.training import FitPlan
from lds_mlflow.training.checkpoint import History
from lds_mlflow.training.ending import Ending, ending_of, has_converged
from tests.tiny import PLAN

UNTIL_DONE = replace(PLAN, steps=1000, until_done=True, rate_fall=0.25, check_every=50)
FALLING = [100.0, 50.0, 20.0, 5.0, 1.0]
STANDING = [100.0, 50.0, 20.0, 20.0, 20.1, 19.9]


def _history(losses: list[float], distances: list[float], every: int = 50) -> History:
    found = zip(losses, distances, strict=True)
    return [
        (every * (n + 1), {"held_out_loss": loss, "held_out_distance": distance})
        for n, (loss, distance) in enumerate(found)
    ]


def test_training_ends_after_the_planned_steps_with_a_learning_rate_that_falls() -> None:
    ending = ending_of(replace(PLAN, steps=8, rate_fall=0.5), [])
    assert ending == Ending(4, 8, None)
    assert [ending.rate_at(step) for step in range(10)] == [1, 1, 1, 1, 1, 0.75, 0.5, 0.25, 0, 0]


def test_a_learning_rate_may_stay_what_it_is() -> None:
    ending = ending_of(replace(PLAN, steps=3, rate_fall=0), [])
    assert [ending.rate_at(step) for step in range(4)] == [1, 1, 1, 0]


@given(steps=st.integers(1, 10**6), fall=st.floats(0, 0.99))
def test_a_learning_rate_never_rises_and_is_above_0_until_the_end(steps: int, fall: float) -> None:
    ending = ending_of(replace(PLAN, steps=steps, rate_fall=fall), [])
    some = sorted({0, ending.fall, (ending.fall + steps) // 2, steps - 1})
    rates = [ending.rate_at(step) for step in some if step < steps]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0
    assert ending.rate_at(steps) == 0


def test_where_neither_figure_gains_any_more_the_rate_begins_to_fall_and_a_quarter_of_the_steps_is_left() -> None:
    ending = ending_of(UNTIL_DONE, _history(STANDING, STANDING))
    assert ending == Ending(fall=300, end=400, converged=True)


@pytest.mark.parametrize(
    ("losses", "distances"), [(STANDING[:5], FALLING), (FALLING, STANDING[:5]), (STANDING[:4], STANDING[:4])]
)
def test_training_goes_on_while_a_figure_gains_or_few_are_known(losses: list[float], distances: list[float]) -> None:
    ending = ending_of(UNTIL_DONE, _history(losses, distances))
    assert (ending.fall, ending.end) == (750, 1000)
    assert not ending.converged


def test_what_a_discriminator_makes_worse_when_it_joins_is_no_sign_that_training_is_done() -> None:
    plan = replace(UNTIL_DONE, adversarial_weight=1.0, adversary_after=250)
    # Without a discriminator these figures have stood still since step 250; with it they gain.
    history = _history([*FALLING, 60.0, 40.0, 20.0], [*FALLING, 60.0, 40.0, 20.0])
    assert ending_of(replace(plan, adversarial_weight=0.0), history).converged
    assert not ending_of(plan, history).converged
    assert ending_of(plan, _history([*FALLING, *STANDING], [*FALLING, *STANDING])) == Ending(550, 733, True)


def test_figures_count_from_the_first_where_a_discriminator_joins_as_the_rate_falls() -> None:
    plan = replace(UNTIL_DONE, adversarial_weight=1.0, adversary_after=900)
    assert ending_of(plan, _history(STANDING, STANDING)) == Ending(300, 400, True)


def test_what_is_measured_later_does_not_move_an_end_that_was_decided() -> None:
    decided = ending_of(UNTIL_DONE, _history(STANDING, STANDING))
    later = _history([*STANDING, 10.0, 1.0], [*STANDING, 10.0, 1.0])
    assert ending_of(UNTIL_DONE, later) == decided


def test_what_the_falling_rate_gains_is_no_sign_that_training_had_not_converged() -> None:
    plan: FitPlan = replace(PLAN, steps=400, rate_fall=0.25, check_every=50)
    history = _history([*STANDING, 5.0], [*STANDING, 5.0])
    assert ending_of(plan, history) == Ending(300, 400, True)


def test_a_training_that_still_gains_when_its_steps_are_over_has_not_converged() -> None:
    plan = replace(PLAN, steps=400, check_every=50)
    assert ending_of(plan, _history([*FALLING, 0.0], [*FALLING, 0.0])) == Ending(300, 400, False)


@pytest.mark.parametrize(("check_every", "converged"), [(50, False), (0, None)])
def test_a_training_with_too_few_figures_has_not_converged_and_without_any_it_is_not_known(
    check_every: int, converged: bool | None
) -> None:
    plan = replace(PLAN, steps=400, check_every=check_every)
    found = _history(STANDING[2:5], STANDING[2:5]) if check_every else []
    assert ending_of(plan, found) == Ending(300, 400, converged)


def test_other_figures_of_the_history_do_not_matter() -> None:
    history = _history(STANDING, STANDING)
    mixed = sorted([*history, *((step + 1, {"loss": 0.0}) for step, _ in history)], key=lambda entry: entry[0])
    assert ending_of(UNTIL_DONE, mixed) == ending_of(UNTIL_DONE, history)


def test_figures_that_are_not_finite_are_no_gain() -> None:
    nan = float("nan")
    assert has_converged([[x] for x in (9.0, 1.0, nan, nan, nan)])
    assert not has_converged([[x] for x in (nan, nan, nan, nan, nan)])
    assert not has_converged([[x] for x in (nan, nan, 3.0, 2.0, 1.0)])
    assert not has_converged([[x] for x in (float("inf"), 100.0, 50.0, 25.0, 12.0)])
