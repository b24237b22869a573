import pytest
import torch

from lds_mlflow.choices.samplers import SAMPLERS
from lds_mlflow.config import SampleConfig, parse
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.models import Codec, Posterior
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.samplers import calibration_in, generator_as_configured, require_latents
from lds_mlflow.samplers import draw_latents, prior_of, standard_normal
from lds_mlflow.values import Calibration, LatentDistribution
from tests.tiny import SPEC
from tests.unit.latent.conftest import gaussian
from tests.unit.steps.surroundings import GivenRun, surroundings

CODEC = Codec(VAE.initialised(SPEC, 0).eval())
Z = gaussian(50, SPEC.latent_dim)


SMALL = {"sampler_components": "3", "flow_steps": "3"}
CALIBRATION = Calibration(0.5, 0.125, True, 24, "classifier", {"multiple": (1.0, 0.5)})


def _distribution(sampler: str, calibration: Calibration | None = None, **settings: str) -> LatentDistribution:
    config = parse(SampleConfig, {**SMALL, **settings})
    posterior = Posterior(Z, torch.full_like(Z, -3))
    return generator_as_configured(config, sampler, CODEC, posterior, calibration).distribution


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_has_its_name_in_its_distribution_and_is_drawn_from(sampler: str) -> None:
    distribution = _distribution(sampler)
    assert distribution.sampler == sampler
    assert draw_latents(distribution, [1, 2, 3]).shape == (3, SPEC.latent_dim)


def test_the_parameters_of_a_sampler_reach_it() -> None:
    assert len(_distribution("mixture", sampler_components="4").tensors["means"]) == 4
    assert _distribution("interpolants", sampler_sigma="0.5").settings["sigma"] == 0.5
    assert "4 steps" in _distribution("flow", flow_steps="4").name
    assert "polarity 0.25" in _distribution("polarity", polarity="0.25").name


def test_the_density_has_the_calibrated_width_where_that_is_asked_for() -> None:
    calibrated = _distribution("density", CALIBRATION, sampler_sigma="calibrated")
    assert calibrated.tensors["scales"].tolist() == [[0.125]]
    asked = _distribution("density", CALIBRATION, sampler_sigma="0.5")
    assert asked.tensors["scales"].tolist() == [[0.5]]


def test_the_density_has_the_kernel_that_is_asked_for() -> None:
    calibrated = _distribution("density", CALIBRATION, sampler_sigma="calibrated", sampler_kernel="neighbours")
    assert "neighbours" in calibrated.tensors
    assert (calibrated.settings["sigma"], calibrated.name) == (
        0.125,
        "the latent density, sigma 0.125, kernel neighbours",
    )
    assert _distribution("density").tensors.keys() == {"means", "cumulative", "scales"}


def test_without_a_calibration_and_for_other_samplers_it_is_the_drafts() -> None:
    plain = _distribution("density", sampler_sigma="norm/5").tensors["scales"]
    assert torch.equal(_distribution("density", sampler_sigma="calibrated").tensors["scales"], plain)
    dense = _distribution("interpolants", CALIBRATION, sampler_sigma="calibrated").settings["sigma"]
    assert dense == _distribution("interpolants", sampler_sigma="norm/5").settings["sigma"]


def test_a_step_has_the_calibration_that_it_was_given() -> None:
    given, _ = surroundings({"calibrate": GivenRun("calibrate", {"calibration": CALIBRATION})})
    assert calibration_in(given) == CALIBRATION
    assert calibration_in(surroundings({})[0]) is None


@pytest.mark.parametrize(
    ("sampler", "n", "says"), [("mixture", 2, "components=3"), ("flow", 9, "10"), ("ncp", 9, "10")]
)
def test_a_sampler_that_needs_more_training_latents_says_so(sampler: str, n: int, says: str) -> None:
    config = parse(SampleConfig, SMALL)
    with pytest.raises(DataError, match=f"found {n}.*{says}"):
        require_latents(config, sampler, n)
    require_latents(config, sampler, n + 1)
    require_latents(config, "density", n)


def test_the_prior_needs_the_model_alone() -> None:
    prior = prior_of(CODEC)
    assert torch.equal(prior.tensors["means"], standard_normal(SPEC.latent_dim).tensors["means"])


def test_an_encoder_without_variance_has_every_sampler() -> None:
    config = parse(SampleConfig, SMALL)
    for sampler in SAMPLERS:
        samples = generator_as_configured(config, sampler, CODEC, Posterior(Z)).samples([1, 2])
        assert samples.shape == (2, 1, 8, 8)


def test_an_unknown_sampler_is_refused_with_the_names() -> None:
    with pytest.raises(ConfigError, match="prior, gaussian, mixture, density, interpolants, flow, ncp, polarity"):
        _distribution("waves")
