"""Fits that train a part of the model, or by another term: they are as reproducible as the others."""

from pathlib import Path

import pytest
import torch

from lds_mlflow.models import PIXELS, Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.training import CheckpointFile, FitHooks, FitPlan, FitTask, fit
from tests.tiny import PLAN, SPEC, random_images


def _model(prior: str = "gaussian") -> VAE:
    return VAE.initialised(SPEC, 0).with_prior(prior, exemplars=20, pseudo_inputs=PIXELS.to_model(random_images(3)))


@pytest.mark.parametrize("prior", ["exemplar", "vamp"])
def test_a_fit_with_another_prior_that_was_stopped_resumes_to_the_same_weights(prior: str, tmp_path: Path) -> None:
    wanted = fit(FitTask(_model(prior), random_images(), PLAN)).model.to_weights().digest
    checkpoints, asked = CheckpointFile(tmp_path / "fit.pt", "owner"), iter(range(1, 100))
    stopped = fit(
        FitTask(_model(prior), random_images(), PLAN),
        checkpoints=checkpoints,
        hooks=FitHooks(stop=lambda: next(asked) >= 7),
    )
    assert stopped.step == 7
    assert (
        fit(FitTask(_model(prior), random_images(), PLAN), checkpoints=checkpoints).model.to_weights().digest == wanted
    )


def test_a_fitted_exemplar_prior_holds_the_means_of_the_first_images() -> None:
    model = fit(FitTask(_model("exemplar"), random_images(), PLAN)).model
    exemplars = model.state_dict()["prior.exemplars"]
    torch.testing.assert_close(exemplars, Codec(model).encode(random_images()[:20])[0])


def test_what_requires_no_gradient_stays_as_it_is() -> None:
    model = _model()
    model.encoder.requires_grad_(False)
    fitted = fit(FitTask(model, random_images(), PLAN)).model
    before = _model().state_dict()
    same = {name.split(".")[0]: True for name in before}
    for name, tensor in fitted.state_dict().items():
        same[name.split(".")[0]] &= torch.equal(tensor, before[name])
    assert same == {"encoder": True, "decoder": False}


def test_latents_of_decoded_images_teach_the_encoder_to_find_them() -> None:
    z_AD = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))
    shapes = (z_AD @ torch.randn(4, 64, generator=torch.Generator().manual_seed(2))).reshape(40, 1, 8, 8)
    images = torch.cat([random_images(), (127 + 40 * shapes).clamp(0, 255).to(torch.uint8)])
    plan = FitPlan(steps=300, batch_size=32, learning_rate=0.01, kl_weight=1, ema_images=200, seed=0, log_every=100)
    told: list[dict[str, float]] = []
    model = fit(
        FitTask(_model(), images, plan, z_AD=z_AD), hooks=FitHooks(on_metrics=lambda _, figures: told.append(figures))
    ).model
    found, _ = Codec(model).encode(images[24:])
    untrained, _ = Codec(_model()).encode(images[24:])
    assert (found - z_AD).square().mean() < 0.5 * (untrained - z_AD).square().mean()
    assert told[-1]["latent_nll"] < told[0]["latent_nll"]
