import base64
import io
import json
import pickle
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.domains import domain_of
from lds_mlflow.domains.images import png_of
from lds_mlflow.errors import ArtifactError, DataError, LdsError
from lds_mlflow.latent import interpolate, log_density
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.models import Autoencoder
from lds_mlflow.models.own import ExportedPair, Facts
from lds_mlflow.models.own.pair import pair_weights
from lds_mlflow.models.programs import program_of
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.samplers import aggregate_gaussian, draw_latents, latent_density, standard_normal
from lds_mlflow.samplers.classes import of_class, with_class_shares, with_classes
from lds_mlflow.serving.requests import DISTRIBUTIONS, MOST_ROWS
from lds_mlflow.serving.sampler import Sampler, load_sampler, save_sampler, with_densities
from lds_mlflow.store import save_value
from lds_mlflow.values import ExampleSet, LatentDistribution, ModelWeights
from tests.tiny import SPEC, random_images


@pytest.fixture(params=["trained", "own"])
def model(request: pytest.FixtureRequest) -> Autoencoder:
    """A model of the project, or somebody else's."""
    if request.param == "trained":
        return VAE.initialised(SPEC, 0).eval()
    return ExportedPair(_own_weights())


class _Noisy(nn.Module):
    """A decoder that takes noise beside the latents."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 64)

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        return torch.tanh(self.layer(z).view(-1, 1, 8, 8) + 0.1 * noise)


@cache
def _own_weights() -> ModelWeights:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 4))
    programs = (
        program_of(encoder, torch.zeros(1, 8, 8), strict=False),
        program_of(_Noisy(), torch.zeros(4), torch.zeros(1, 8, 8), strict=False),
    )
    return pair_weights(Facts((1, 8, 8), (-1.0, 1.0), (4,), noise_shape=(1, 8, 8)), *programs)


@pytest.fixture
def sampler(model: Autoencoder) -> Sampler:
    z_ND = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    labels_N = torch.arange(50) % 2
    density = with_densities(with_classes(latent_density(z_ND, sigma="0.5"), labels_N, ("even", "odd")))
    aggregate = aggregate_gaussian(z_ND, torch.zeros_like(z_ND))
    prior = standard_normal(4)
    named = {"chosen": prior, "prior": prior, "aggregate": aggregate, "density": density}
    return Sampler(model, domain_of("images"), named)


@pytest.fixture
def folder(sampler: Sampler, tmp_path: Path) -> Path:
    """Where the sampler is stored."""
    save_sampler(tmp_path / "model", sampler.codec.model.to_weights(), sampler.distributions)
    return tmp_path / "model"


def _rows(*seeds: Any) -> pd.DataFrame:
    return pd.DataFrame({"seed": list(seeds)})


def _images(sampler: Sampler, *seeds: int, **params: Any) -> list[str]:
    return [str(image) for image in sampler.predict(_rows(*seeds), params)["image"]]


def _pixels(image: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image, validate=True))))


def _forbidden(*arguments: Any, **options: Any) -> None:
    raise AssertionError("something was unpickled")


_read: Any = torch.serialization._load


def _tensors_alone(archive: Any, place: Any, pickle_module: Any, *arguments: Any, **options: Any) -> Any:
    assert pickle_module is torch._weights_only_unpickler
    return _read(archive, place, pickle_module, *arguments, **options)


def _refusal(sampler: Sampler, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        sampler.predict(rows, params)
    return caught.value


def test_every_row_gives_its_seed_and_an_image(sampler: Sampler) -> None:
    drawn = sampler.predict(_rows(5, 3, 5))
    assert list(drawn.columns) == ["seed", "image", "log_lds", "denser_than", "denser_than_samples", "reached"]
    assert drawn["seed"].tolist() == [5, 3, 5]
    assert drawn["seed"].dtype == np.int64
    assert drawn["image"][0] == drawn["image"][2] != drawn["image"][1]


def test_a_seed_gives_the_same_image_in_any_batch(sampler: Sampler) -> None:
    wanted = _images(sampler, *range(6))
    assert [_images(sampler, seed)[0] for seed in range(6)] == wanted
    assert _images(sampler, *reversed(range(6))) == wanted[::-1]
    assert _images(sampler, 4, 4, 0, 1) == [wanted[4], wanted[4], wanted[0], wanted[1]]


def test_an_image_is_what_the_model_decodes(sampler: Sampler) -> None:
    decoded = sampler.codec.decode(draw_latents(sampler.distributions["chosen"], [7, 8]))
    for image, wanted in zip(_images(sampler, 7, 8), decoded, strict=True):
        assert np.array_equal(_pixels(image), wanted[0].numpy())


def test_the_largest_seed_is_drawn(sampler: Sampler) -> None:
    assert sampler.predict(_rows(2**32 - 1))["seed"].tolist() == [2**32 - 1]


def test_without_truncation_it_is_1(sampler: Sampler) -> None:
    assert _images(sampler, 1) == _images(sampler, 1, truncation=1.0) == _images(sampler, 1, truncation=1)
    assert sampler.predict(_rows(1), None)["image"].tolist() == _images(sampler, 1)


def test_truncation_scales_the_latents(sampler: Sampler) -> None:
    wanted = sampler.codec.decode(draw_latents(sampler.distributions["chosen"], [1], truncation=0.5))[0, 0].numpy()
    assert np.array_equal(_pixels(_images(sampler, 1, truncation=0.5)[0]), wanted)


@pytest.mark.parametrize("truncation", [0, -1, 2.01, float("nan"), float("inf"), "much", None])
def test_a_truncation_out_of_range_is_refused_with_itself(sampler: Sampler, truncation: Any) -> None:
    error = _refusal(sampler, _rows(1), {"truncation": truncation})
    assert error.what == "truncation"
    assert str(truncation) in error.found
    assert error.expected == "a number above 0, at most 2"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_latents_are_drawn_from_the_distribution_that_is_asked_for(sampler: Sampler, name: str) -> None:
    wanted = sampler.codec.decode(draw_latents(sampler.distributions[name], [1]))[0, 0].numpy()
    assert np.array_equal(_pixels(sampler.predict(_rows(1), {"sampler": name})["image"][0]), wanted)


PARAMS_OF_OTHERS: list[dict[str, Any]] = [{"label": "even"}, {"label": ""}, {}]
"""What draws samples of another class, and, twice, samples of all."""


def test_a_label_draws_samples_of_that_class_alone(sampler: Sampler) -> None:
    rows = sampler.predict(_rows(1, 2), {"sampler": "density", "label": "odd"})
    one = of_class(sampler.distributions["density"], "odd", "label=odd")
    wanted = sampler.codec.decode(draw_latents(one, [1, 2]))
    for image, pixels in zip(rows["image"], wanted, strict=True):
        assert np.array_equal(_pixels(image), pixels[0].numpy())
    again = sampler.predict(_rows(2), {"sampler": "density", "label": "odd"})
    assert again.iloc[0].to_list() == rows.iloc[1].to_list()
    # A draw of all classes may be of the same latent.
    others = [sampler.predict(_rows(2), {"sampler": "density", **more})["image"][0] for more in PARAMS_OF_OTHERS]
    assert others[0] != again["image"][0]
    assert others[1] == others[2]


def test_a_label_goes_with_a_least_density(sampler: Sampler) -> None:
    drawn = sampler.predict(_rows(*range(20)), {"sampler": "density", "label": "odd", "min_density": 0.25})
    assert (drawn["denser_than_samples"] >= 0.25).all()
    assert drawn["reached"].all()


@pytest.mark.parametrize(
    ("params", "found", "expected"),
    [
        ({"sampler": "density", "label": "third"}, "no class third", "even, odd"),
        ({"sampler": "density", "label": " "}, "no class", "even, odd"),
        ({"sampler": "prior", "label": "odd"}, "the sampler prior", "the sampler density"),
        ({"sampler": "aggregate", "label": "odd"}, "the sampler gaussian", "the sampler density"),
        ({"label": "odd"}, "the sampler prior", "the sampler density"),
        ({"sampler": "density", "label": 1}, "1", "the name of a class"),
        ({"sampler": "density", "label": None}, "None", "the name of a class"),
        ({"sampler": "density", "label": ["odd"]}, "['odd']", "the name of a class"),
    ],
)
def test_a_label_that_can_not_be_drawn_is_refused(
    sampler: Sampler, params: dict[str, Any], found: str, expected: str
) -> None:
    with pytest.raises(LdsError) as caught:
        sampler.predict(_rows(1), params)
    error = caught.value
    assert error.what.startswith("label")
    assert error.found.startswith(found)
    assert expected in error.expected


def test_a_model_of_examples_without_classes_has_no_labels(sampler: Sampler) -> None:
    assert sampler.class_names_K == ("even", "odd")
    bare = replace(sampler.distributions["density"], class_names_K=())
    bare.tensors.pop("labels")
    without = Sampler(sampler.codec.model, sampler.domain, {**sampler.distributions, "density": bare})
    assert without.class_names_K == ()
    assert "without classes" in _refusal(without, _rows(1), {"sampler": "density", "label": "odd"}).found


@pytest.mark.parametrize("kernel", KERNELS)
def test_log_lds_is_that_of_the_bandwidth_whatever_the_kernel(sampler: Sampler, kernel: str) -> None:
    z_ND = sampler.distributions["density"].tensors["means"]
    density = with_densities(latent_density(z_ND, sigma="0.25", kernel=kernel))
    shaped = Sampler(sampler.codec.model, sampler.domain, {**sampler.distributions, "density": density})
    drawn = shaped.predict(_rows(1, 2), {"sampler": "density"})
    wanted = log_density(draw_latents(density, [1, 2]), z_ND, sigma=0.25)
    assert drawn["log_lds"].to_numpy() == pytest.approx(wanted.numpy())


def test_a_model_that_was_registered_before_there_were_kernels_and_classes_is_served(
    sampler: Sampler, folder: Path
) -> None:
    wanted = sampler.predict(_rows(1, 2), {"sampler": "density"}).to_dict()
    manifest_path = folder / "density" / "manifest.json"
    density = sampler.distributions["density"]
    tensors = {name: tensor for name, tensor in density.tensors.items() if name != "labels"}
    save_value(LatentDistribution(density.sampler, density.name, tensors, {}), folder / "density")
    manifest = json.loads(manifest_path.read_text())
    del manifest["fields"]["class_names_K"]
    manifest["digest"] = digest_of_bytes(
        manifest["tensors_sha256"].encode(), json.dumps(manifest["fields"], sort_keys=True).encode()
    )
    manifest_path.write_text(json.dumps(manifest))
    older = load_sampler(folder)
    assert older.predict(_rows(1, 2), {"sampler": "density"}).to_dict() == wanted
    assert "without classes" in _refusal(older, _rows(1), {"sampler": "density", "label": "odd"}).found


def test_an_array_has_the_pixels_of_the_png(sampler: Sampler) -> None:
    (png,) = _images(sampler, 3)
    (array,) = sampler.predict(_rows(3), {"format": "array"})["image"]
    assert np.array_equal(np.asarray(array, dtype=np.uint8)[:, :, 0], _pixels(png))


def test_beside_an_image_is_the_density_of_its_latent_and_how_many_training_images_are_less_dense(
    sampler: Sampler,
) -> None:
    drawn = sampler.predict(_rows(*range(9)))
    z_ND = sampler.distributions["density"].tensors["means"]
    z_SD = draw_latents(sampler.distributions["chosen"], list(range(9)))
    wanted = log_density(z_SD, z_ND, sigma=0.5)
    assert drawn["log_lds"].to_numpy() == pytest.approx(wanted.numpy())
    others = log_density(z_ND, z_ND, sigma=0.5, left_out_MK=torch.arange(50)[:, None])
    shares = [(others < score).double().mean().item() for score in wanted]
    assert drawn["denser_than"].tolist() == pytest.approx(shares)
    own = log_density(draw_latents(sampler.distributions["chosen"], list(range(2**32 - 1000, 2**32))), z_ND, sigma=0.5)
    shares = [(own < score).double().mean().item() for score in wanted]
    assert drawn["denser_than_samples"].tolist() == pytest.approx(shares)
    assert drawn["reached"].all()


def test_a_density_is_the_same_in_any_batch_bit_by_bit(sampler: Sampler) -> None:
    whole = sampler.predict(_rows(*range(10)), {"min_density": 0.3})
    for seed in range(10):
        alone = sampler.predict(_rows(seed), {"min_density": 0.3})
        assert alone.iloc[0].to_list() == whole.iloc[seed].to_list()


def test_with_a_least_density_samples_are_as_dense_and_those_that_were_are_the_same(sampler: Sampler) -> None:
    free, dense = (sampler.predict(_rows(*range(40)), {"min_density": least}) for least in (0.0, 0.25))
    assert (dense["denser_than_samples"] >= 0.25).all()
    assert dense["reached"].all()
    assert (free["denser_than_samples"] < 0.25).any()
    kept = free["denser_than_samples"] >= 0.3
    assert (free["image"][kept] == dense["image"][kept]).all()


def test_where_fifty_draws_do_not_reach_a_density_the_answer_says_so(sampler: Sampler) -> None:
    drawn = sampler.predict(_rows(*range(60)), {"min_density": 0.995})
    assert not drawn["reached"].all()
    assert drawn["reached"].tolist() == (drawn["denser_than_samples"] >= 0.995).tolist()
    free = sampler.predict(_rows(*range(60)))
    assert (drawn["log_lds"] >= free["log_lds"]).all()


@pytest.mark.parametrize("kind", ["prior", "aggregate", "density"])
def test_a_least_density_is_one_of_the_samplers_own_samples(sampler: Sampler, kind: str) -> None:
    drawn = sampler.predict(_rows(*range(200)), {"sampler": kind})
    # Uniform: the mean of 200 has a standard deviation of 0.02.
    assert drawn["denser_than_samples"].mean() == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sampler", "gauss"),
        ("sampler", 3),
        ("sampler", None),
        ("format", "gif"),
        ("min_density", 1),
        ("min_density", -0.1),
        ("min_density", float("nan")),
        ("min_density", [0.5]),
    ],
)
def test_a_parameter_out_of_range_is_refused_with_itself(sampler: Sampler, name: str, value: Any) -> None:
    error = _refusal(sampler, _rows(1), {name: value})
    assert (error.what, error.found) == (name, str(value))


def test_the_number_of_images_is_bounded(sampler: Sampler) -> None:
    error = _refusal(sampler, _rows(*range(MOST_ROWS + 1)))
    assert (error.found, error.expected) == ("257 rows", "at most 256, one for every sample")


@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 2**64, 1.5, float("nan"), float("inf"), "seven", "", None, True])
def test_a_seed_that_is_none_is_refused_with_itself(sampler: Sampler, seed: Any) -> None:
    error = _refusal(sampler, pd.DataFrame({"seed": pd.Series([0, seed], dtype=object)}))
    assert error.what == "column seed"
    assert str(seed) in error.found
    assert error.expected == "one integer from 0 to 2^32 - 1 in every row"


def test_no_rows_are_refused(sampler: Sampler) -> None:
    error = _refusal(sampler, _rows())
    assert error.what == "column seed"
    assert error.found == "no rows"
    assert error.remedy == "Send one row for every sample."


def test_rows_without_seeds_are_refused(sampler: Sampler) -> None:
    error = _refusal(sampler, pd.DataFrame({"sed": [1]}))
    assert "seed" in error.what
    assert "sed" in error.found


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_decodes_to_its_image(channels: int, mode: str) -> None:
    image = torch.randint(256, (channels, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    opened = Image.open(io.BytesIO(png_of(image)))
    assert (opened.format, opened.mode, opened.size) == ("PNG", mode, (7, 5))
    assert np.array_equal(np.asarray(opened).reshape(5, 7, channels), image.permute(1, 2, 0).numpy())


def test_a_loaded_model_draws_the_same_images_and_nothing_is_unpickled(
    model: Autoencoder, sampler: Sampler, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _images(sampler, 1, 2)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, _forbidden)
    # torch.export.load reads the example of an input by torch.load, which is told to read tensors alone.
    monkeypatch.setattr(torch.serialization, "_load", _forbidden if isinstance(model, VAE) else _tensors_alone)
    loaded = load_sampler(folder)
    assert isinstance(loaded, Sampler)
    assert _images(Sampler(loaded.codec.model.to("cpu"), loaded.domain, loaded.distributions), 1, 2) == wanted


@pytest.mark.parametrize("model", ["trained"], indirect=True)
def test_a_loaded_model_is_in_evaluation_mode(folder: Path) -> None:
    model = load_sampler(folder).codec.model
    assert isinstance(model, VAE)
    assert not model.training


@pytest.mark.parametrize("part", ["weights", *DISTRIBUTIONS])
def test_a_damaged_model_is_not_served(folder: Path, part: str) -> None:
    (folder / part / "tensors.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="digest"):
        load_sampler(folder)


def test_a_model_keeps_the_examples_that_it_is_given(sampler: Sampler, folder: Path) -> None:
    assert load_sampler(folder).examples is None
    kept = ExampleSet("noise", random_images(3), ("0", "1", "2"))
    save_sampler(folder, sampler.codec.model.to_weights(), sampler.distributions, kept)
    examples = load_sampler(folder).examples
    assert examples is not None
    assert torch.equal(examples.examples_N, kept.examples_N)


def _between(sampler: Sampler, *at: float, params: dict[str, Any] | None = None) -> pd.DataFrame:
    return sampler.predict({"seed": [1] * len(at), "seed_to": [2] * len(at), "at": list(at)}, params)


def test_an_interpolation_begins_and_ends_with_the_samples_of_its_seeds(sampler: Sampler) -> None:
    ends, way = sampler.predict([1, 2]), _between(sampler, 0, 0.25, 1)
    assert way["image"].tolist()[::2] == ends["image"].tolist()
    assert way["log_lds"].tolist()[::2] == ends["log_lds"].tolist()
    assert way["image"][1] not in ends["image"].tolist()
    assert (way["seed"].tolist(), way["seed_to"].tolist(), way["at"].tolist()) == ([1] * 3, [2] * 3, [0, 0.25, 1])


def test_an_interpolant_lies_on_the_great_circle_about_the_mean_of_the_training_latents(sampler: Sampler) -> None:
    z_i, z_j = draw_latents(sampler.distributions["chosen"], [1, 2]).split(1)
    centre_D = sampler.distributions["density"].tensors["means"].mean(0)
    z_1D = interpolate(z_i, z_j, torch.tensor([0.3]), "slerp", centre_D=centre_D)
    wanted = sampler.codec.decode(z_1D)[0, 0].numpy()
    difference = _pixels(_between(sampler, 0.3)["image"][0]).astype(int) - wanted.astype(int)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("params", [{}, {"min_density": 0.3}, {"sampler": "density", "label": "odd"}])
def test_an_interpolant_is_the_same_in_any_batch_bit_by_bit(sampler: Sampler, params: dict[str, Any]) -> None:
    whole = _between(sampler, 0.1, 0.5, 0.9, params=params)
    for number, at in enumerate((0.1, 0.5, 0.9)):
        assert _between(sampler, at, params=params).iloc[0].to_list() == whole.iloc[number].to_list()


def test_the_ends_of_an_interpolation_are_as_dense_as_asked_for_and_what_is_between_says_whether_it_is(
    sampler: Sampler,
) -> None:
    way = _between(sampler, 0, 0.5, 1, params={"min_density": 0.3})
    assert way["reached"].tolist()[::2] == [True, True]
    assert way["reached"].tolist() == (way["denser_than_samples"] >= 0.3).tolist()


def test_rows_with_and_without_an_interpolation_go_together(sampler: Sampler) -> None:
    rows = sampler.predict([{"seed": 5}, {"seed": 1, "seed_to": 2, "at": 0.5}])
    assert rows["image"][0] == _images(sampler, 5)[0]
    assert rows["image"][1] == _between(sampler, 0.5)["image"][0]


def test_the_nearest_training_latent_is_decoded_and_how_far_it_is_stands_beside_it(sampler: Sampler) -> None:
    rows = sampler.predict([1, 2, 3], {"nearest": True})
    z_ND = sampler.distributions["density"].tensors["means"]
    distances_SN = torch.cdist(draw_latents(sampler.distributions["chosen"], [1, 2, 3]), z_ND)
    found = distances_SN.min(1)
    assert rows["nearest_distance"].tolist() == pytest.approx(found.values.tolist(), rel=1e-4)
    spacing = torch.cdist(z_ND, z_ND).fill_diagonal_(torch.inf).min(1).values[found.indices]
    assert rows["nearest_spacing"].tolist() == pytest.approx(spacing.tolist(), rel=1e-4)
    for image, wanted in zip(rows["nearest"], sampler.codec.decode(z_ND[found.indices]), strict=True):
        assert np.array_equal(_pixels(image), wanted[0].numpy())
    alone = sampler.predict([2], {"nearest": True})
    assert alone.iloc[0].to_list() == rows.iloc[1].to_list()
    assert "nearest" not in sampler.predict([1])


def test_classes_have_the_shares_that_are_asked_for(sampler: Sampler) -> None:
    odd = sampler.predict([1, 2], {"sampler": "density", "balance": "odd:1"})
    wanted = with_class_shares(sampler.distributions["density"], {"odd": 1.0}, "balance")
    for image, pixels in zip(odd["image"], sampler.codec.decode(draw_latents(wanted, [1, 2])), strict=True):
        assert np.array_equal(_pixels(image), pixels[0].numpy())
    as_in_data, unsaid = (sampler.predict([1], {"sampler": "density", **more}) for more in ({"balance": "data"}, {}))
    assert as_in_data["image"][0] == unsaid["image"][0]


@pytest.mark.parametrize(
    "params",
    [
        {"balance": "equal"},
        {"sampler": "aggregate", "balance": "equal"},
        {"sampler": "density", "balance": "third:1"},
        {"sampler": "density", "balance": "odd:0.5"},
        {"sampler": "density", "balance": "equal", "label": "odd"},
        {"sampler": "density", "balance": 1},
        {"nearest": 1},
        {"nearest": "yes"},
    ],
)
def test_shares_or_neighbours_that_can_not_be_given_are_refused(sampler: Sampler, params: dict[str, Any]) -> None:
    with pytest.raises(LdsError) as caught:
        sampler.predict([1], params)
    assert caught.value.what.split("=")[0] in params
