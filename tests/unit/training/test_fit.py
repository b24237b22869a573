from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models import Posterior
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitResult, FitTask, fit
from lds_mlflow.training.checkpoint import History
from lds_mlflow.training.fit import at_hand
from tests.unit.training import fits
from tests.unit.training.fits import PLAN


class Elsewhere:
    """Stands for images, on a machine that has no GPU."""

    nbytes = 100

    def to(self, device: torch.device) -> str:
        return f"on {device}"


class CrashError(Exception):
    """Stands for whatever ends a process in the middle of a fit."""


class Watching(VAE):
    """Remembers the batches that it was given, and one number of the noise that came with each."""

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        self.seen: list[tuple[bytes, float]]
        self.seen.append((x.numpy().tobytes(), noise_BD[0, 0].item()))
        return super().forward(x, noise_BD)


@pytest.mark.parametrize(("free", "moved"), [(200, True), (199, False)])
def test_images_are_kept_on_a_gpu_that_half_of_holds_them(
    free: int, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 10**9))
    images: Any = Elsewhere()
    assert at_hand(images, torch.device("cuda:1")) == ("on cuda:1" if moved else images)
    assert at_hand(images, torch.device("cpu")) is images


def _fit(
    plan: FitPlan = PLAN,
    *,
    checkpoints: CheckpointFile | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[FitResult, History]:
    history: History = []
    result = fit(
        FitTask(fits.model(), fits.images(), plan),
        checkpoints=checkpoints,
        hooks=FitHooks(on_metrics=lambda step, figures: history.append((step, figures)), stop=stop),
    )
    return result, history


def _crash_at(last: int) -> Callable[[int, dict[str, float]], None]:
    def on_metrics(step: int, figures: dict[str, float]) -> None:
        if step == last:
            raise CrashError

    return on_metrics


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[FitResult, History]:
    return _fit()


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "fit.pt", owner="this fit")


def test_one_seed_gives_the_same_weights(uninterrupted: tuple[FitResult, History]) -> None:
    again, history = _fit()
    assert fits.digest(again.model) == fits.digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_another_seed_gives_other_weights(uninterrupted: tuple[FitResult, History]) -> None:
    assert fits.digest(_fit(replace(PLAN, seed=1))[0].model) != fits.digest(uninterrupted[0].model)


def test_every_step_draws_a_batch_and_noise_of_its_own() -> None:
    model = Watching.initialised(fits.TINY, 0)
    model.seen = []
    fit(FitTask(model, fits.images(), PLAN))
    batches, noises = zip(*model.seen, strict=True)
    assert len(set(batches)) == len(set(noises)) == PLAN.steps


def test_the_global_randomness_has_no_say(uninterrupted: tuple[FitResult, History]) -> None:
    torch.manual_seed(123)
    assert fits.digest(_fit()[0].model) == fits.digest(uninterrupted[0].model)


def test_checkpoints_do_not_change_the_result(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    assert fits.digest(_fit(checkpoints=checkpoints)[0].model) == fits.digest(uninterrupted[0].model)


@pytest.mark.parametrize("last", [5, 9])
def test_a_fit_that_crashed_resumes_to_the_same_weights_and_history(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History], last: int
) -> None:
    hooks = FitHooks(on_metrics=_crash_at(last))
    with pytest.raises(CrashError):
        fit(FitTask(fits.model(), fits.images(), PLAN), checkpoints=checkpoints, hooks=hooks)
    resumed, history = _fit(checkpoints=checkpoints)
    assert fits.digest(resumed.model) == fits.digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_a_fit_that_was_stopped_resumes_to_the_same_weights_and_history(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    stopped, _ = _fit(checkpoints=checkpoints, stop=fits.stop_after(3))
    resumed, history = _fit(checkpoints=checkpoints)
    assert stopped.step == 3
    assert resumed.step == PLAN.steps
    assert fits.digest(resumed.model) == fits.digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_a_fit_may_be_stopped_after_every_step(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    for step in range(1, PLAN.steps + 1):
        result, history = _fit(checkpoints=checkpoints, stop=lambda: True)
        assert result.step == step
    assert fits.digest(result.model) == fits.digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_the_weights_that_a_resumed_fit_is_given_do_not_matter(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    _fit(checkpoints=checkpoints, stop=fits.stop_after(3))
    resumed = fit(FitTask(fits.model(seed=7), fits.images(), PLAN), checkpoints=checkpoints)
    assert fits.digest(resumed.model) == fits.digest(uninterrupted[0].model)


def test_a_resumed_fit_tells_the_figures_that_it_already_has_first(checkpoints: CheckpointFile) -> None:
    _, before = _fit(checkpoints=checkpoints, stop=fits.stop_after(3))
    _, told = _fit(checkpoints=checkpoints)
    assert [step for step, _ in before] == [1, 2, 3]
    assert told[:3] == before
    assert [step for step, _ in told] == list(range(1, PLAN.steps + 1))


def test_a_fit_that_is_done_is_not_done_again(checkpoints: CheckpointFile) -> None:
    whole = replace(PLAN, steps=4)
    first, _ = _fit(whole, checkpoints=checkpoints)
    second, _ = _fit(whole, checkpoints=checkpoints, stop=lambda: pytest.fail("a step was taken"))
    assert fits.digest(second.model) == fits.digest(first.model)


def test_a_checkpoint_of_another_fit_is_refused(checkpoints: CheckpointFile) -> None:
    _fit(checkpoints=checkpoints, stop=fits.stop_after(1))
    with pytest.raises(ArtifactError, match="another fit"):
        _fit(checkpoints=replace(checkpoints, owner="another fit"))


def test_without_a_place_for_checkpoints_none_are_kept() -> None:
    assert _fit(stop=fits.stop_after(2))[0].step == 2


def test_every_periodic_checkpoint_is_told_with_the_average_so_far() -> None:
    told: dict[int, str] = {}
    result = fit(
        FitTask(fits.model(), fits.images(), replace(PLAN, steps=8)),
        hooks=FitHooks(on_checkpoint=lambda step, model: told.update({step: fits.digest(model)})),
    )
    assert list(told) == [4, 8]
    assert told[4] != told[8] == fits.digest(result.model)


def test_figures_are_told_every_so_often_and_at_the_end() -> None:
    _, history = _fit(replace(PLAN, log_every=4))
    assert [step for step, _ in history] == [4, 8, 9]
    assert all(set(figures) == {"loss", "kl", "reconstruction_mse", "gradient_norm"} for _, figures in history)


def test_the_result_is_the_moving_average_in_evaluation_mode() -> None:
    model = fits.model()
    before = model.decoder.constant.detach().clone()
    plan = replace(PLAN, steps=2, ema_images=10)
    seen: list[Tensor] = []
    result = fit(
        FitTask(model, fits.images(), plan),
        hooks=FitHooks(on_metrics=lambda step, figures: seen.append(model.decoder.constant.detach().clone())),
    )
    assert isinstance(result.model, VAE)
    assert not result.model.training
    # The average begins with the weights before the first step.
    first, second = (plan.ema_weight_at(step) for step in (0, 1))
    wanted = (1 - second) * ((1 - first) * before + first * seen[0]) + second * seen[1]
    torch.testing.assert_close(result.model.decoder.constant.detach(), wanted)


def test_without_an_average_the_result_is_the_last_weights() -> None:
    model = fits.model()
    result = fit(FitTask(model, fits.images(), replace(PLAN, ema_images=0)))
    assert fits.digest(result.model) == fits.digest(model)


def test_the_loss_falls() -> None:
    _, history = _fit(replace(PLAN, steps=60, batch_size=16, ema_images=100))
    losses = [figures["loss"] for _, figures in history]
    errors = [figures["reconstruction_mse"] for _, figures in history]
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    assert sum(errors[-10:]) < 0.8 * sum(errors[:10])


def test_a_larger_kl_weight_gives_a_smaller_kl() -> None:
    plan = replace(PLAN, steps=30, log_every=30)
    kl = [_fit(replace(plan, kl_weight=weight))[1][-1][1]["kl"] for weight in (0.01, 10.0)]
    assert kl[1] < kl[0]


def test_speed_is_measured_over_the_steps_of_this_process(checkpoints: CheckpointFile) -> None:
    stopped, _ = _fit(checkpoints=checkpoints, stop=fits.stop_after(4))
    assert stopped.examples_per_second > 0
    done, _ = _fit(replace(PLAN, steps=4), checkpoints=checkpoints)
    assert done.examples_per_second == 0
