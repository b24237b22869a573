from collections.abc import Callable, Collection
from typing import Protocol

import pytest
import torch
from torch import Tensor

from lds_mlflow.choices.figures import RECONSTRUCTED, SUMMARY
from lds_mlflow.latent import bandwidth
from lds_mlflow.metrics import RealExamples
from lds_mlflow.metrics.yardstick import Yardstick
from lds_mlflow.models import Codec, Posterior
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes.calibration import MULTIPLES, calibrate
from lds_mlflow.samplers import draw_latents, latent_density
from lds_mlflow.values import Calibration, ExampleSet
from tests.tiny import SPEC, random_images

N = 12
CODEC = Codec(VAE.initialised(SPEC, 0).eval())
IMAGES = ExampleSet("noise", random_images(2 * N), tuple(map(str, range(2 * N))))
Z = torch.randn(N, SPEC.latent_dim, generator=torch.Generator().manual_seed(0))
WIDTH = bandwidth(Z, "norm/5").sigma
FINE = {"fid": 1.0, "coverage": 0.5, "density": 1.0, "nearest_ratio": 1.0, "tail_share": 0.0}


class Brightness:
    """Features of images that are no more than two numbers."""

    name, resize = "brightness-12ab", "none"

    def features(self, examples_N: Tensor) -> Tensor:
        pixels = examples_N.float().flatten(1)
        return torch.stack([pixels.mean(1), pixels.std(1)], 1)


PARTS = RealExamples(IMAGES.take(torch.arange(N)), IMAGES.take(torch.arange(N, 2 * N)))
YARDSTICK = Yardstick.of(PARTS, extractor=Brightness(), judge=None, k=3)
Answer = Callable[[float], dict[str, float]]


class Measured(Protocol):
    """Calibrates with figures by the multiple, and with those of COPIES of reconstructions."""

    def __call__(self, answer: Answer, **unseen: float) -> tuple[Calibration, list[Tensor]]: ...


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Calibrates with figures that are a function of the multiple, and keeps the samples that were measured."""

    def calibrated(answer: Answer, **unseen: float) -> tuple[Calibration, list[Tensor]]:
        seen: list[Tensor] = []

        def measure(_yardstick: Yardstick, samples_S: Tensor, names: Collection[str]) -> dict[str, float]:
            seen.append(samples_S)
            return {name: (FINE | answer(MULTIPLES[len(seen) - 1]))[name] for name in names}

        def measure_reconstructions(_yardstick: Yardstick, reconstructions_N: Tensor) -> dict[str, float]:
            assert torch.equal(reconstructions_N, CODEC.decode(CODEC.encode(PARTS.held_out.examples_N).mean))
            return {f"{RECONSTRUCTED}{name}": value for name, value in unseen.items()}

        monkeypatch.setattr(Yardstick, "measure", measure)
        monkeypatch.setattr(Yardstick, "measure_reconstructions", measure_reconstructions)
        return calibrate(CODEC, Posterior(Z, None), YARDSTICK), seen

    return calibrated


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        (lambda multiple: {"fid": multiple}, 0.2),
        (lambda multiple: {"fid": abs(multiple - 0.5)}, 0.5),
        (lambda multiple: {"fid": multiple, "nearest_ratio": 0.6 + multiple}, 0.4),
        (lambda multiple: {"fid": multiple, "tail_share": 0.065 - 0.1 * multiple}, 0.5),
        # A lower FID does not make up for copies.
        (lambda multiple: {"fid": multiple, "nearest_ratio": 1.0 if multiple > 0.7 else 0.99}, 0.8),
    ],
)
def test_the_lowest_fid_among_samples_that_are_no_copies_is_chosen(
    measured: Measured, answer: Answer, chosen: float
) -> None:
    found, _ = measured(answer)
    assert (found.multiple, found.qualifies) == (chosen, True)
    assert found.sigma == chosen * WIDTH


def test_reconstructions_of_unseen_examples_set_the_limit_of_the_tail(measured: Measured) -> None:
    found, _ = measured(lambda multiple: {"fid": multiple, "tail_share": 0.065 - 0.1 * multiple}, tail_share=0.038)
    assert (found.multiple, found.least_nearest_ratio, found.most_tail_share) == (0.3, 1.0, 0.038)


def test_they_set_that_of_the_mean_only_where_no_bandwidth_keeps_the_one_by_real_examples(measured: Measured) -> None:
    found, _ = measured(lambda multiple: {"fid": multiple, "nearest_ratio": 0.6 + multiple}, nearest_ratio=0.85)
    assert (found.multiple, found.least_nearest_ratio) == (0.4, 1.0)
    found, _ = measured(lambda multiple: {"fid": multiple, "nearest_ratio": 0.5 + multiple / 4}, nearest_ratio=0.77)
    assert (found.multiple, found.least_nearest_ratio, found.qualifies) == (1.25, 0.77, True)


def test_a_bandwidth_that_reaches_it_keeps_the_limit_of_the_mean_strict_whatever_its_tail_is(
    measured: Measured,
) -> None:
    def answer(multiple: float) -> dict[str, float]:
        wide = multiple > 0.7
        return {"nearest_ratio": 1.0 if wide else 0.95, "tail_share": 0.021 if wide else 0.019}

    found, _ = measured(answer, nearest_ratio=0.92)
    assert (found.multiple, found.least_nearest_ratio, found.qualifies) == (1.0, 1.0, False)


def test_where_all_are_copies_the_bandwidth_stays_and_that_is_known(measured: Measured) -> None:
    found, _ = measured(lambda multiple: {"nearest_ratio": 0.5 * multiple})
    assert (found.multiple, found.sigma, found.qualifies) == (1.0, WIDTH, False)


def test_the_curve_has_the_figures_of_every_multiple(measured: Measured) -> None:
    found, _ = measured(lambda multiple: {"fid": 10 * multiple})
    assert found.curve["multiple"] == MULTIPLES
    assert found.curve["fid"] == tuple(10 * multiple for multiple in MULTIPLES)
    assert set(found.curve) == {"multiple", *SUMMARY}
    assert (found.n_samples, found.extractor) == (N, "brightness-12ab")


def test_the_samples_have_the_last_seeds_which_evaluations_do_not_begin_with(measured: Measured) -> None:
    _, seen = measured(lambda multiple: {})
    for multiple, samples in zip(MULTIPLES, seen, strict=True):
        density = latent_density(Z, sigma=str(multiple * WIDTH))
        assert torch.equal(samples, CODEC.decode(draw_latents(density, list(range(2**32 - N, 2**32)))))


def test_the_kernel_that_is_asked_for_is_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def measure(_yardstick: Yardstick, samples_S: Tensor, names: Collection[str]) -> dict[str, float]:
        seen.append(samples_S)
        return {name: FINE[name] for name in names}

    monkeypatch.setattr(Yardstick, "measure", measure)
    monkeypatch.setattr(Yardstick, "measure_reconstructions", lambda *_: {})
    calibrate(CODEC, Posterior(Z, None), YARDSTICK, kernel="neighbours")
    density = latent_density(Z, sigma=str(MULTIPLES[-1] * WIDTH), kernel="neighbours")
    assert torch.equal(seen[-1], CODEC.decode(draw_latents(density, list(range(2**32 - N, 2**32)))))


def test_real_figures_are_finite_and_the_same_again() -> None:
    found = calibrate(CODEC, Posterior(Z, None), YARDSTICK)
    assert all(torch.tensor(values).isfinite().all() for values in found.curve.values())
    assert calibrate(CODEC, Posterior(Z, None), YARDSTICK) == found
