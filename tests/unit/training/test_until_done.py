from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitResult, FitTask, fit
from lds_mlflow.training.checkpoint import History
from tests.tiny import PLAN, SPEC, random_images

IMAGES, HELD_OUT = random_images(24), random_images(40)[24:]
STILL = replace(PLAN, steps=100, learning_rate=1e-30, until_done=True, check_every=2, checkpoint_every=3)
"""Learns nothing: the figures of the first five checks are alike, so the learning rate falls after ten steps."""


def _fit(
    plan: FitPlan = STILL, *, checkpoints: CheckpointFile | None = None, stop: Callable[[], bool] = lambda: False
) -> tuple[FitResult, History]:
    told: History = []
    task = FitTask(VAE.initialised(SPEC, 0), IMAGES, plan, held_out_N=HELD_OUT)
    hooks = FitHooks(on_metrics=lambda step, figures: told.append((step, figures)), stop=stop)
    return fit(task, checkpoints=checkpoints, hooks=hooks), told


def test_a_fit_that_gains_nothing_ends_long_before_its_most_steps() -> None:
    result, told = _fit()
    assert (result.ending.fall, result.ending.end, result.ending.converged) == (10, 13, True)
    assert result.step == 13
    checks = [step for step, figures in told if "held_out_loss" in figures]
    assert checks == [2, 4, 6, 8, 10, 12]


def test_a_fit_that_still_gains_takes_its_most_steps_and_has_not_converged() -> None:
    result, _ = _fit(replace(STILL, steps=16, learning_rate=0.02))
    assert (result.step, result.ending.converged) == (16, False)


@pytest.mark.parametrize("stopped_at", [7, 11])
def test_a_fit_that_was_stopped_before_or_after_its_end_was_decided_resumes_to_the_same_weights(
    stopped_at: int, tmp_path: Path
) -> None:
    # What falls is a learning rate that matters, at an end that the first fit has decided.
    plan = replace(STILL, learning_rate=1e-4, adversarial_weight=0.1, adversary_after=None, steps=16)
    whole, told = _fit(plan)
    checkpoints, asked = CheckpointFile(tmp_path / "fit.pt", "owner"), iter(range(1, 100))
    _fit(plan, checkpoints=checkpoints, stop=lambda: next(asked) >= stopped_at)
    resumed, again = _fit(plan, checkpoints=checkpoints)
    assert resumed.model.to_weights().digest == whole.model.to_weights().digest
    assert resumed.ending == whole.ending
    assert [step for step, _ in again] == [step for step, _ in told]


def test_without_held_out_examples_a_fit_takes_all_its_steps_and_nobody_knows_whether_it_has_converged() -> None:
    result = fit(FitTask(VAE.initialised(SPEC, 0), IMAGES, replace(STILL, steps=12)))
    assert (result.step, result.ending.converged) == (12, None)
    assert torch.isfinite(result.model.encode(torch.zeros(1, 1, 8, 8)).mean).all()
