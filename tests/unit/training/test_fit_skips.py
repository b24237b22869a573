"""Steps of a fit whose loss or gradient is not finite."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import TrainingError
from lds_mlflow.models import Posterior
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitTask, fit
from lds_mlflow.training.checkpoint import History
from tests.unit.training import fits
from tests.unit.training.fits import PLAN


class Poisoned(VAE):
    """Reconstructs what is not a number at some of its steps, or something whose gradient isn't."""

    steps = 0
    bad_losses: frozenset[int] = frozenset()
    bad_gradients: frozenset[int] = frozenset()

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        y, z, posterior = super().forward(x, noise_BD)
        self.steps += 1
        if self.steps in self.bad_losses:
            y = y * torch.nan
        if self.steps in self.bad_gradients:
            y = y + 0 * (y - y).sqrt()
        return y, z, posterior


def _poisoned(*, losses: range = range(0), gradients: range = range(0)) -> Poisoned:
    model = Poisoned.initialised(fits.TINY, 0)
    model.bad_losses, model.bad_gradients = frozenset(losses), frozenset(gradients)
    return model


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "fit.pt", owner="this fit")


def test_a_step_that_is_not_finite_is_counted_and_changes_nothing() -> None:
    model = _poisoned(losses=range(1, 3))
    before = fits.digest(model)
    result = fit(FitTask(model, fits.images(), replace(PLAN, steps=2)))
    assert (result.step, result.skipped) == (2, 2)
    assert fits.digest(model) == fits.digest(result.model) == before


def test_a_gradient_that_is_not_finite_is_skipped_as_well() -> None:
    model = _poisoned(gradients=range(1, 2))
    before = fits.digest(model)
    told: History = []
    result = fit(
        FitTask(model, fits.images(), replace(PLAN, steps=1)),
        hooks=FitHooks(on_metrics=lambda step, figures: told.append((step, figures))),
    )
    assert result.skipped == 1
    assert told[0][1]["loss"] < float("inf")
    assert fits.digest(model) == before


def test_a_fit_goes_on_after_a_skipped_step() -> None:
    result = fit(FitTask(_poisoned(losses=range(2, 3)), fits.images(), PLAN))
    assert (result.step, result.skipped) == (PLAN.steps, 1)
    assert all(tensor.isfinite().all() for tensor in result.model.to_weights().state.values())


def test_too_many_steps_that_are_not_finite_end_the_fit() -> None:
    with pytest.raises(TrainingError) as caught:
        fit(FitTask(_poisoned(losses=range(1, 10)), fits.images(), replace(PLAN, max_skipped=3)))
    assert caught.value.what == "step 4 of training"
    assert "not finite" in caught.value.found
    assert caught.value.expected == "at most 3 such steps"
    assert "learning rate" in caught.value.remedy


@pytest.mark.parametrize(
    ("steps", "stop", "raised_at"),
    [(7, 99, 7), (7, 5, 5), (8, 99, 8), (30, 99, 20), (30, 20, 20)],
    ids=["an end between two logs", "a stop between two logs", "a log and a checkpoint", "a log", "a stop at a log"],
)
def test_no_fit_ends_with_more_skipped_steps_than_may_be(steps: int, stop: int, raised_at: int) -> None:
    plan = replace(PLAN, steps=steps, log_every=20, checkpoint_every=100, max_skipped=2)
    with pytest.raises(TrainingError, match=f"step {raised_at} of training"):
        fit(FitTask(_poisoned(losses=range(1, 4)), fits.images(), plan), hooks=FitHooks(stop=fits.stop_after(stop)))
    allowed = FitTask(_poisoned(losses=range(1, 4)), fits.images(), replace(plan, max_skipped=3))
    result = fit(allowed, hooks=FitHooks(stop=fits.stop_after(stop)))
    assert (result.step, result.skipped) == (min(steps, stop), 3)


def test_a_model_that_has_skipped_too_many_steps_is_in_no_checkpoint(checkpoints: CheckpointFile) -> None:
    plan = replace(PLAN, log_every=100, checkpoint_every=3, max_skipped=1)
    told: list[int] = []
    with pytest.raises(TrainingError, match="step 6 of training"):
        fit(
            FitTask(_poisoned(losses=range(4, 6)), fits.images(), plan),
            checkpoints=checkpoints,
            hooks=FitHooks(on_checkpoint=lambda step, _: told.append(step)),
        )
    kept = checkpoints.load()
    assert kept is not None
    assert (kept.step, told) == (3, [3])


def test_a_model_that_is_broken_from_the_start_is_not_trained() -> None:
    model = fits.model()
    torch.nn.init.constant_(model.decoder.constant, torch.nan)
    with pytest.raises(TrainingError, match="not finite"):
        fit(FitTask(model, fits.images(), replace(PLAN, max_skipped=2)))


def test_skipped_steps_are_counted_across_a_resumption(checkpoints: CheckpointFile) -> None:
    plan = replace(PLAN, max_skipped=3)
    fit(
        FitTask(_poisoned(losses=range(1, 3)), fits.images(), plan),
        checkpoints=checkpoints,
        hooks=FitHooks(stop=fits.stop_after(2)),
    )
    with pytest.raises(TrainingError, match="step 4 of training"):
        fit(FitTask(_poisoned(losses=range(1, 3)), fits.images(), plan), checkpoints=checkpoints)


def test_a_fit_that_gives_up_keeps_the_checkpoint_from_before(checkpoints: CheckpointFile) -> None:
    task = FitTask(_poisoned(losses=range(5, 10)), fits.images(), replace(PLAN, max_skipped=1))
    with pytest.raises(TrainingError):
        fit(task, checkpoints=checkpoints)
    kept = checkpoints.load()
    assert kept is not None
    assert (kept.step, kept.stepper["skipped"]) == (4, 0)
