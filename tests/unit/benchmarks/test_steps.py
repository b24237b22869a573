from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from benchmarks import steps
from benchmarks.previous_step import PreviousNetwork, PreviousStepper
from benchmarks.steps import operations_of, step_of
from lds_mlflow.models import PIXELS
from lds_mlflow.models.rates import learning_rate_factors
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training.objective import Objective, StepDraws
from tests.tiny import FORM, PLAN, SPEC, random_images


def test_the_previous_network_has_the_same_loss_and_reconstruction_error_with_the_same_weights() -> None:
    previous, present = PreviousNetwork(SPEC), VAE.initialised(SPEC, 0)
    with torch.no_grad():
        for parameter in previous.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    present.load_state_dict(_as_now(previous, present))
    images, noise, one = random_images(6), torch.randn(6, SPEC.latent_dim), torch.ones(())
    loss_before, figures_before = previous(PIXELS.to_model(images), noise, one)
    loss, figures, _ = Objective(present, PLAN)(images, StepDraws(noise), torch.arange(6), one, None)
    torch.testing.assert_close(loss, loss_before)
    torch.testing.assert_close(figures, figures_before)


def test_the_previous_step_trains() -> None:
    stepper = PreviousStepper(PreviousNetwork(SPEC), PLAN, FORM)
    losses = [stepper.advance(step, random_images())["loss"].item() for step in range(20)]
    assert sum(losses[-5:]) < sum(losses[:5])


def test_only_what_python_waits_for_is_counted_as_a_wait() -> None:
    x = torch.ones(3)

    def work(_: int) -> None:
        if x.sum() > 0:
            x.sum().item()

    operations, waits = operations_of(work)
    assert waits == 2
    assert operations > 2


@pytest.mark.parametrize("is_previous", [False, True])
def test_the_present_step_waits_for_nothing_and_the_previous_one_did(is_previous: bool) -> None:
    with patch.object(steps, "spec_of", lambda _: SPEC):
        operations, waits = operations_of(step_of("tiny", 4, "cpu", is_previous=is_previous))
    assert operations > 100
    assert (waits > 0) == is_previous


def _as_now(previous: PreviousNetwork, present: VAE) -> dict[str, Tensor]:
    """Returns the weights of the previous network, as the present one stores them: with their scales."""
    factors = learning_rate_factors(present)
    before = dict(previous.named_parameters())
    found = {
        name: factors[name] * before[_name_before(name)]
        for name in present.state_dict()
        if not name.startswith("decoder.styles")
    }
    affine = [name.rpartition(".")[0] for name in before if ".style.weight" in name]
    scale = factors["decoder.styles.weight"]
    found["decoder.styles.weight"] = torch.cat([scale * before[f"{layer}.weight"] for layer in affine])
    found["decoder.styles.bias"] = torch.cat([before[f"{layer}.bias"] for layer in affine])
    return found


def _name_before(name: str) -> str:
    if name.startswith("decoder.blocks") and name.endswith(".bias"):
        return name.replace(".bias", ".conv.bias")
    return name.replace(".down.conv.", ".down.")
