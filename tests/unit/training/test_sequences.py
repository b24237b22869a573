"""The one loop fits sequences as it fits images."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.sequence import SequenceVAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitResult, FitTask, diagnose, fit
from tests import tiny

TOKENS = domain_of("molecules").scale
PLAN = replace(tiny.PLAN, steps=6, batch_size=4, kl_weight=0.05, check_every=3, checkpoint_every=2, log_every=1)
EXAMPLES = torch.tensor([[5, 7, 9, 0], [7, 0, 0, 0], [9, 9, 7, 5], [5, 0, 0, 0]]).repeat(3, 1)


def _task(plan: FitPlan = PLAN) -> FitTask:
    model = SequenceVAE.for_examples("auto", EXAMPLES, 0, latent_dim=2)
    return FitTask(model, EXAMPLES, plan, scale=TOKENS, held_out_N=EXAMPLES[:4])


@pytest.fixture(scope="module")
def whole() -> FitResult:
    return fit(_task())


def test_a_fit_that_was_stopped_resumes_to_the_same_weights(whole: FitResult, tmp_path: Path) -> None:
    checkpoints, steps = CheckpointFile(tmp_path / "checkpoint", "the same fit"), iter(range(PLAN.steps))
    stopped = fit(_task(), checkpoints=checkpoints, hooks=FitHooks(stop=lambda: next(steps) >= 2))
    assert stopped.step == 3
    resumed = fit(_task(), checkpoints=checkpoints)
    assert resumed.step == whole.step == PLAN.steps
    assert resumed.model.to_weights().digest == whole.model.to_weights().digest


def test_it_reports_token_accuracy_and_is_measured_on_held_out_sequences() -> None:
    seen: dict[str, float] = {}
    fit(_task(), hooks=FitHooks(on_metrics=lambda _, figures: seen.update(figures)))
    assert {"loss", "kl", "token_accuracy", "held_out_loss", "held_out_distance"} <= seen.keys()
    assert 0 <= seen["token_accuracy"] <= 1


def test_it_is_diagnosed_by_token_accuracy_and_by_what_is_decoded_exactly(whole: FitResult) -> None:
    figures = diagnose(whole.model, TOKENS, EXAMPLES, torch.arange(len(EXAMPLES)))
    assert {"token_accuracy", "exact", "kl", "active_units", "mean_over_spread"} == figures.keys()


def test_a_loss_with_a_discriminator_is_refused_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="recipe=sequence"):
        fit(_task(replace(PLAN, adversarial_weight=1.0)))
