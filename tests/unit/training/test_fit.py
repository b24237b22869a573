from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lds_mlflow.errors import ArtifactError, TrainingError
from lds_mlflow.models import Posterior, Trainable
from lds_mlflow.models.stylegan import VAE, VaeSpec
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitResult, FitTask, fit
from lds_mlflow.training.checkpoint import History
from lds_mlflow.training.fit import at_hand
from tests import tiny

TINY = VaeSpec(8, 1, channel_base=32, channel_max=4, latent_dim=4, style_dim=4, mapping_layers=1)
PLAN = replace(tiny.PLAN, steps=9, batch_size=4, seed=0, log_every=1)


class Elsewhere:
    """Stands for images, on a machine that has no GPU."""

    nbytes = 100

    def to(self, device: torch.device) -> str:
        return f"on {device}"


class CrashError(Exception):
    """Stands for whatever ends a process in the middle of a fit."""


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


def _images(n: int = 24) -> Tensor:
    """Bars that lie or stand: few pixels, and something to learn."""
    images = torch.zeros(n, 1, 8, 8, dtype=torch.uint8)
    for number, image in enumerate(images):
        bar = image[0] if number % 2 else image[0].T
        bar[number % 8] = 255
    return images


def _model(seed: int = 0) -> VAE:
    return VAE.initialised(TINY, seed)


def _poisoned(*, losses: range = range(0), gradients: range = range(0)) -> Poisoned:
    model = Poisoned.initialised(TINY, 0)
    model.bad_losses, model.bad_gradients = frozenset(losses), frozenset(gradients)
    return model


def _digest(model: Trainable) -> str:
    return model.to_weights().digest


def _fit(
    plan: FitPlan = PLAN,
    *,
    checkpoints: CheckpointFile | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[FitResult, History]:
    history: History = []
    result = fit(
        FitTask(_model(), _images(), plan),
        checkpoints=checkpoints,
        hooks=FitHooks(on_metrics=lambda step, figures: history.append((step, figures)), stop=stop),
    )
    return result, history


def _crash_at(last: int) -> Callable[[int, dict[str, float]], None]:
    def on_metrics(step: int, figures: dict[str, float]) -> None:
        if step == last:
            raise CrashError

    return on_metrics


def _stop_after(steps: int) -> Callable[[], bool]:
    asked = iter(range(1, 1000))
    return lambda: next(asked) >= steps


@pytest.fixture(scope="module")
def uninterrupted() -> tuple[FitResult, History]:
    return _fit()


@pytest.fixture
def checkpoints(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "fit.pt", owner="this fit")


def test_one_seed_gives_the_same_weights(uninterrupted: tuple[FitResult, History]) -> None:
    again, history = _fit()
    assert _digest(again.model) == _digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_another_seed_gives_other_weights(uninterrupted: tuple[FitResult, History]) -> None:
    assert _digest(_fit(replace(PLAN, seed=1))[0].model) != _digest(uninterrupted[0].model)


def test_every_step_draws_a_batch_and_noise_of_its_own() -> None:
    model = Watching.initialised(TINY, 0)
    model.seen = []
    fit(FitTask(model, _images(), PLAN))
    batches, noises = zip(*model.seen, strict=True)
    assert len(set(batches)) == len(set(noises)) == PLAN.steps


def test_the_global_randomness_has_no_say(uninterrupted: tuple[FitResult, History]) -> None:
    torch.manual_seed(123)
    assert _digest(_fit()[0].model) == _digest(uninterrupted[0].model)


def test_checkpoints_do_not_change_the_result(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    assert _digest(_fit(checkpoints=checkpoints)[0].model) == _digest(uninterrupted[0].model)


@pytest.mark.parametrize("last", [5, 9])
def test_a_fit_that_crashed_resumes_to_the_same_weights_and_history(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History], last: int
) -> None:
    with pytest.raises(CrashError):
        fit(FitTask(_model(), _images(), PLAN), checkpoints=checkpoints, hooks=FitHooks(on_metrics=_crash_at(last)))
    resumed, history = _fit(checkpoints=checkpoints)
    assert _digest(resumed.model) == _digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_a_fit_that_was_stopped_resumes_to_the_same_weights_and_history(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    stopped, _ = _fit(checkpoints=checkpoints, stop=_stop_after(3))
    resumed, history = _fit(checkpoints=checkpoints)
    assert stopped.step == 3
    assert resumed.step == PLAN.steps
    assert _digest(resumed.model) == _digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_a_fit_may_be_stopped_after_every_step(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    for step in range(1, PLAN.steps + 1):
        result, history = _fit(checkpoints=checkpoints, stop=lambda: True)
        assert result.step == step
    assert _digest(result.model) == _digest(uninterrupted[0].model)
    assert history == uninterrupted[1]


def test_the_weights_that_a_resumed_fit_is_given_do_not_matter(
    checkpoints: CheckpointFile, uninterrupted: tuple[FitResult, History]
) -> None:
    _fit(checkpoints=checkpoints, stop=_stop_after(3))
    resumed = fit(FitTask(_model(seed=7), _images(), PLAN), checkpoints=checkpoints)
    assert _digest(resumed.model) == _digest(uninterrupted[0].model)


def test_a_resumed_fit_tells_the_figures_that_it_already_has_first(checkpoints: CheckpointFile) -> None:
    _, before = _fit(checkpoints=checkpoints, stop=_stop_after(3))
    _, told = _fit(checkpoints=checkpoints)
    assert [step for step, _ in before] == [1, 2, 3]
    assert told[:3] == before
    assert [step for step, _ in told] == list(range(1, PLAN.steps + 1))


def test_a_fit_that_is_done_is_not_done_again(checkpoints: CheckpointFile) -> None:
    whole = replace(PLAN, steps=4)
    first, _ = _fit(whole, checkpoints=checkpoints)
    second, _ = _fit(whole, checkpoints=checkpoints, stop=lambda: pytest.fail("a step was taken"))
    assert _digest(second.model) == _digest(first.model)


def test_a_checkpoint_of_another_fit_is_refused(checkpoints: CheckpointFile) -> None:
    _fit(checkpoints=checkpoints, stop=_stop_after(1))
    with pytest.raises(ArtifactError, match="another fit"):
        _fit(checkpoints=replace(checkpoints, owner="another fit"))


def test_without_a_place_for_checkpoints_none_are_kept() -> None:
    assert _fit(stop=_stop_after(2))[0].step == 2


def test_every_periodic_checkpoint_is_told_with_the_average_so_far() -> None:
    told: dict[int, str] = {}
    result = fit(
        FitTask(_model(), _images(), replace(PLAN, steps=8)),
        hooks=FitHooks(on_checkpoint=lambda step, model: told.update({step: _digest(model)})),
    )
    assert list(told) == [4, 8]
    assert told[4] != told[8] == _digest(result.model)


def test_figures_are_told_every_so_often_and_at_the_end() -> None:
    _, history = _fit(replace(PLAN, log_every=4))
    assert [step for step, _ in history] == [4, 8, 9]
    assert all(set(figures) == {"loss", "kl", "reconstruction_mse", "gradient_norm"} for _, figures in history)


def test_the_result_is_the_moving_average_in_evaluation_mode() -> None:
    model = _model()
    before = model.decoder.constant.detach().clone()
    plan = replace(PLAN, steps=2, ema_images=10)
    seen: list[Tensor] = []
    result = fit(
        FitTask(model, _images(), plan),
        hooks=FitHooks(on_metrics=lambda step, figures: seen.append(model.decoder.constant.detach().clone())),
    )
    assert isinstance(result.model, VAE)
    assert not result.model.training
    # The average begins with the weights before the first step.
    first, second = (plan.ema_weight_at(step) for step in (0, 1))
    wanted = (1 - second) * ((1 - first) * before + first * seen[0]) + second * seen[1]
    torch.testing.assert_close(result.model.decoder.constant.detach(), wanted)


def test_without_an_average_the_result_is_the_last_weights() -> None:
    model = _model()
    result = fit(FitTask(model, _images(), replace(PLAN, ema_images=0)))
    assert _digest(result.model) == _digest(model)


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


def test_a_step_that_is_not_finite_is_counted_and_changes_nothing() -> None:
    model = _poisoned(losses=range(1, 3))
    before = _digest(model)
    result = fit(FitTask(model, _images(), replace(PLAN, steps=2)))
    assert (result.step, result.skipped) == (2, 2)
    assert _digest(model) == _digest(result.model) == before


def test_a_gradient_that_is_not_finite_is_skipped_as_well() -> None:
    model = _poisoned(gradients=range(1, 2))
    before = _digest(model)
    told: History = []
    result = fit(
        FitTask(model, _images(), replace(PLAN, steps=1)),
        hooks=FitHooks(on_metrics=lambda step, figures: told.append((step, figures))),
    )
    assert result.skipped == 1
    assert told[0][1]["loss"] < float("inf")
    assert _digest(model) == before


def test_a_fit_goes_on_after_a_skipped_step() -> None:
    result = fit(FitTask(_poisoned(losses=range(2, 3)), _images(), PLAN))
    assert (result.step, result.skipped) == (PLAN.steps, 1)
    assert all(tensor.isfinite().all() for tensor in result.model.to_weights().state.values())


def test_too_many_steps_that_are_not_finite_end_the_fit() -> None:
    with pytest.raises(TrainingError) as caught:
        fit(FitTask(_poisoned(losses=range(1, 10)), _images(), replace(PLAN, max_skipped=3)))
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
        fit(FitTask(_poisoned(losses=range(1, 4)), _images(), plan), hooks=FitHooks(stop=_stop_after(stop)))
    allowed = replace(plan, max_skipped=3)
    result = fit(FitTask(_poisoned(losses=range(1, 4)), _images(), allowed), hooks=FitHooks(stop=_stop_after(stop)))
    assert (result.step, result.skipped) == (min(steps, stop), 3)


def test_a_model_that_has_skipped_too_many_steps_is_in_no_checkpoint(checkpoints: CheckpointFile) -> None:
    plan = replace(PLAN, log_every=100, checkpoint_every=3, max_skipped=1)
    told: list[int] = []
    with pytest.raises(TrainingError, match="step 6 of training"):
        fit(
            FitTask(_poisoned(losses=range(4, 6)), _images(), plan),
            checkpoints=checkpoints,
            hooks=FitHooks(on_checkpoint=lambda step, _: told.append(step)),
        )
    kept = checkpoints.load()
    assert kept is not None
    assert (kept.step, told) == (3, [3])


def test_a_model_that_is_broken_from_the_start_is_not_trained() -> None:
    model = _model()
    torch.nn.init.constant_(model.decoder.constant, torch.nan)
    with pytest.raises(TrainingError, match="not finite"):
        fit(FitTask(model, _images(), replace(PLAN, max_skipped=2)))


def test_skipped_steps_are_counted_across_a_resumption(checkpoints: CheckpointFile) -> None:
    plan = replace(PLAN, max_skipped=3)
    fit(
        FitTask(_poisoned(losses=range(1, 3)), _images(), plan),
        checkpoints=checkpoints,
        hooks=FitHooks(stop=_stop_after(2)),
    )
    with pytest.raises(TrainingError, match="step 4 of training"):
        fit(FitTask(_poisoned(losses=range(1, 3)), _images(), plan), checkpoints=checkpoints)


def test_a_fit_that_gives_up_keeps_the_checkpoint_from_before(checkpoints: CheckpointFile) -> None:
    with pytest.raises(TrainingError):
        fit(FitTask(_poisoned(losses=range(5, 10)), _images(), replace(PLAN, max_skipped=1)), checkpoints=checkpoints)
    kept = checkpoints.load()
    assert kept is not None
    assert (kept.step, kept.stepper["skipped"]) == (4, 0)


def test_speed_is_measured_over_the_steps_of_this_process(checkpoints: CheckpointFile) -> None:
    stopped, _ = _fit(checkpoints=checkpoints, stop=_stop_after(4))
    assert stopped.examples_per_second > 0
    done, _ = _fit(replace(PLAN, steps=4), checkpoints=checkpoints)
    assert done.examples_per_second == 0
