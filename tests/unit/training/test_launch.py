from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lds_mlflow.machine.ranks import ALONE
from lds_mlflow.models import PIXELS
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitTask, fit, launch
from lds_mlflow.training.launch import Launcher
from lds_mlflow.training.stepper import Stepper
from tests.tiny import FORM, PLAN, SPEC, random_images

CPU = torch.device("cpu")
# Steps are launched one by one at first.
ENOUGH = 3 + 5
ADVERSARIAL = replace(PLAN, adversarial_weight=0.1, feature_weight=0.1, discriminator_augmentation="ada")

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("captures", [True, False])
def test_on_a_cpu_a_launch_is_a_call(captures: bool) -> None:
    given: list[tuple[Tensor, ...]] = []
    output = torch.zeros(2)

    def work(*inputs: Tensor) -> Tensor:
        given.append(inputs)
        return output

    launcher, inputs = Launcher(work, CPU, captures=captures), (torch.ones(1), torch.ones(2))
    for _ in range(ENOUGH):
        assert launcher(*inputs) is output
    assert len(given) == ENOUGH
    assert all(one is other for some in given for one, other in zip(some, inputs, strict=True))


def test_an_error_of_a_step_comes_up() -> None:
    def work(*inputs: Tensor) -> Tensor:
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Launcher(work, CPU, captures=True)()


class Counting:
    """Adds up its inputs on a GPU, and counts how often Python has called it."""

    def __init__(self) -> None:
        self.total, self.calls = torch.zeros(3, device="cuda"), 0

    def __call__(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.total += x
        return 2 * self.total


@on_gpu
@pytest.mark.parametrize("captures", [True, False])
def test_a_captured_step_does_what_the_step_does(captures: bool) -> None:
    work = Counting()
    launcher = Launcher(work, torch.device("cuda"), captures=captures)
    found = [launcher(torch.full((3,), float(step), device="cuda")).tolist() for step in range(ENOUGH)]
    assert found == [[step * (step + 1.0)] * 3 for step in range(ENOUGH)]
    # Three calls before, and one that is captured, which computes nothing.
    assert work.calls == (4 if captures else ENOUGH)


class Asking(Counting):
    """Looks at a number, which a captured step can't."""

    def __call__(self, x: Tensor) -> Tensor:
        found = super().__call__(x)
        assert found.sum().item() < 1e9
        return found


@on_gpu
def test_what_can_not_be_captured_runs_kernel_by_kernel_and_one_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    launcher = Launcher(Asking(), torch.device("cuda"), captures=True)
    found = [launcher(torch.ones(3, device="cuda")).tolist() for _ in range(ENOUGH)]
    assert found == [[2.0 * (step + 1)] * 3 for step in range(ENOUGH)]
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("The step can't be captured as one launch")


def _figures(plan: FitPlan, prior: str) -> list[dict[str, float]]:
    model = VAE.initialised(SPEC, 0).with_prior(prior, exemplars=20, pseudo_inputs=PIXELS.to_model(random_images(3)))
    stepper = Stepper(model.to("cuda"), plan, FORM, ranks=ALONE, scale=PIXELS, perceptual=None)
    images, found = random_images().cuda(), []
    for step in range(24):
        stepper.advance(step, images)
        found.append(stepper.figures())
    return found


@on_gpu
@pytest.mark.parametrize(
    ("plan", "prior"),
    [
        (PLAN, "gaussian"),
        (ADVERSARIAL, "gaussian"),
        (replace(ADVERSARIAL, discriminator_augmentation="diffaugment"), "gaussian"),
        (PLAN, "exemplar"),
        (PLAN, "vamp"),
    ],
    ids=["plain", "adversary", "diffaugment", "exemplar", "vamp"],
)
def test_captured_steps_are_the_steps(plan: FitPlan, prior: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = replace(plan, compiled="false", learning_rate=1e-3)
    captured = _figures(plan, prior)
    monkeypatch.setattr(launch, "_WARM_UPS", 1000)
    for one, other in zip(captured, _figures(plan, prior), strict=True):
        assert one == pytest.approx(other, rel=1e-2, abs=1e-4)


def _fitted(plan: FitPlan, checkpoints: CheckpointFile | None, stop: Callable[[], bool]) -> str:
    task = FitTask(VAE.initialised(SPEC, 0).to("cuda"), random_images(), plan)
    return fit(task, checkpoints=checkpoints, hooks=FitHooks(stop=stop)).model.to_weights().digest


@on_gpu
@pytest.mark.parametrize("plan", [PLAN, ADVERSARIAL], ids=["plain", "adversary"])
def test_a_fit_on_a_gpu_that_was_stopped_resumes_to_the_same_weights(plan: FitPlan, tmp_path: Path) -> None:
    plan = replace(plan, steps=14, compiled="false", deterministic=True)
    whole = _fitted(plan, None, lambda: False)
    checkpoints, asked = CheckpointFile(tmp_path / "fit.pt", "owner"), iter(range(1, 100))
    assert _fitted(plan, checkpoints, lambda: next(asked) >= 6) != whole
    assert _fitted(plan, checkpoints, lambda: False) == whole
