from dataclasses import asdict

import pytest
import torch

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.stylegan import VAE, VaeSpec
from lds_mlflow.values import ModelWeights
from tests.tiny import SPEC


@pytest.fixture
def model() -> VAE:
    return VAE.initialised(SPEC, seed=0).eval()


def _images(n: int = 3) -> torch.Tensor:
    return 2 * torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize(("resolution", "widths"), [(8, (16, 8)), (32, (16, 8, 4, 2))])
def test_features_halve_from_4x4_up_to_the_image(resolution: int, widths: tuple[int, ...]) -> None:
    assert VaeSpec(resolution, 1, 64, 64, 4, 8, 1).widths == widths


def test_features_are_bounded() -> None:
    assert SPEC.widths == (8, 8)


def test_one_seed_initialises_alike_and_another_otherwise(model: VAE) -> None:
    assert VAE.initialised(SPEC, 0).to_weights().digest == model.to_weights().digest
    assert VAE.initialised(SPEC, 1).to_weights().digest != model.to_weights().digest


def test_initialising_leaves_the_global_randomness_alone() -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    VAE.initialised(SPEC, 0)
    assert torch.equal(torch.rand(3), wanted)


def test_a_forward_pass_reconstructs_from_a_draw_of_the_posterior(model: VAE) -> None:
    x = _images()
    noise = torch.randn(len(x), model.spec.latent_dim, generator=torch.Generator().manual_seed(3))
    y, z, posterior = model(x, noise)
    drawn = posterior.sample(torch.Generator().manual_seed(3))
    assert y.shape == x.shape
    assert torch.equal(z, drawn)
    torch.testing.assert_close(model.decode(drawn), y)
    torch.testing.assert_close(model.encode(x).mean, posterior.mean)


def test_weights_give_the_same_model_again(model: VAE) -> None:
    again = VAE.from_weights(model.to_weights())
    assert again.spec == SPEC
    assert not again.training
    assert torch.equal(again.encode(_images()).mean, model.encode(_images()).mean)
    assert torch.equal(again.decode(torch.ones(1, 4)), model.decode(torch.ones(1, 4)))


def test_weights_name_their_spec_and_all_parameters(model: VAE) -> None:
    weights = model.to_weights()
    assert weights.spec == asdict(SPEC)
    assert weights.n_parameters == sum(parameter.numel() for parameter in model.parameters())


def test_weights_stay_as_they_were_when_the_model_learns_on(model: VAE) -> None:
    weights = model.to_weights()
    before = weights.digest
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert weights.digest == before


def test_a_model_stays_as_it_was_when_the_weights_it_was_made_of_change(model: VAE) -> None:
    weights = model.to_weights()
    again = VAE.from_weights(weights)
    before = again.to_weights().digest
    for tensor in weights.state.values():
        tensor.zero_()
    assert again.to_weights().digest == before


@pytest.mark.parametrize("change", ["missing", "of another shape", "unknown"])
def test_weights_that_do_not_fit_their_spec_are_refused_with_the_tensor(model: VAE, change: str) -> None:
    weights = model.to_weights()
    name = "decoder.another" if change == "unknown" else "decoder.constant"
    if change == "missing":
        del weights.state[name]
    else:
        weights.state[name] = torch.zeros(2)
    with pytest.raises(ArtifactError, match="model weights") as caught:
        VAE.from_weights(weights)
    assert name in caught.value.found


@pytest.mark.parametrize(
    "spec", [{}, asdict(SPEC) | {"depth": 3}, asdict(SPEC) | {"resolution": 16}, asdict(SPEC) | {"prior": "flow"}]
)
def test_a_spec_that_is_not_that_of_the_weights_is_refused(model: VAE, spec: dict[str, int | str]) -> None:
    with pytest.raises(ArtifactError, match="model weights"):
        VAE.from_weights(ModelWeights(spec, model.to_weights().state))


def test_the_device_is_where_the_parameters_are(model: VAE) -> None:
    assert model.device == torch.device("cpu")
