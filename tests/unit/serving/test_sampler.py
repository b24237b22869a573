import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lds_mlflow.choices.kernels import KERNELS
from lds_mlflow.domains.images import png_of
from lds_mlflow.errors import DataError, LdsError
from lds_mlflow.latent import log_density
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.samplers import draw_latents, latent_density
from lds_mlflow.samplers.classes import of_class
from lds_mlflow.serving.requests import DISTRIBUTIONS, MOST_ROWS
from lds_mlflow.serving.sampler import Sampler, load_sampler, with_densities
from lds_mlflow.store import save_value
from lds_mlflow.values import LatentDistribution
from tests.unit.serving.drawing import images_of, pixels_of, rows_of


def _refusal(sampler: Sampler, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        sampler.predict(rows, params)
    return caught.value


def test_every_row_gives_its_seed_and_an_image(sampler: Sampler) -> None:
    drawn = sampler.predict(rows_of(5, 3, 5))
    assert list(drawn.columns) == ["seed", "image", "log_lds", "denser_than", "denser_than_samples", "reached"]
    assert drawn["seed"].tolist() == [5, 3, 5]
    assert drawn["seed"].dtype == np.int64
    assert drawn["image"][0] == drawn["image"][2] != drawn["image"][1]


def test_a_seed_gives_the_same_image_in_any_batch(sampler: Sampler) -> None:
    wanted = images_of(sampler, *range(6))
    assert [images_of(sampler, seed)[0] for seed in range(6)] == wanted
    assert images_of(sampler, *reversed(range(6))) == wanted[::-1]
    assert images_of(sampler, 4, 4, 0, 1) == [wanted[4], wanted[4], wanted[0], wanted[1]]


def test_an_image_is_what_the_model_decodes(sampler: Sampler) -> None:
    decoded = sampler.codec.decode(draw_latents(sampler.distributions["chosen"], [7, 8]))
    for image, wanted in zip(images_of(sampler, 7, 8), decoded, strict=True):
        assert np.array_equal(pixels_of(image), wanted[0].numpy())


def test_the_largest_seed_is_drawn(sampler: Sampler) -> None:
    assert sampler.predict(rows_of(2**32 - 1))["seed"].tolist() == [2**32 - 1]


def test_without_truncation_it_is_1(sampler: Sampler) -> None:
    assert images_of(sampler, 1) == images_of(sampler, 1, truncation=1.0) == images_of(sampler, 1, truncation=1)
    assert sampler.predict(rows_of(1), None)["image"].tolist() == images_of(sampler, 1)


def test_truncation_scales_the_latents(sampler: Sampler) -> None:
    wanted = sampler.codec.decode(draw_latents(sampler.distributions["chosen"], [1], truncation=0.5))[0, 0].numpy()
    assert np.array_equal(pixels_of(images_of(sampler, 1, truncation=0.5)[0]), wanted)


@pytest.mark.parametrize("truncation", [0, -1, 2.01, float("nan"), float("inf"), "much", None])
def test_a_truncation_out_of_range_is_refused_with_itself(sampler: Sampler, truncation: Any) -> None:
    error = _refusal(sampler, rows_of(1), {"truncation": truncation})
    assert error.what == "truncation"
    assert str(truncation) in error.found
    assert error.expected == "a number above 0, at most 2"


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_latents_are_drawn_from_the_distribution_that_is_asked_for(sampler: Sampler, name: str) -> None:
    wanted = sampler.codec.decode(draw_latents(sampler.distributions[name], [1]))[0, 0].numpy()
    assert np.array_equal(pixels_of(sampler.predict(rows_of(1), {"sampler": name})["image"][0]), wanted)


PARAMS_OF_OTHERS: list[dict[str, Any]] = [{"label": "even"}, {"label": ""}, {}]
"""What draws samples of another class, and, twice, samples of all."""


def test_a_label_draws_samples_of_that_class_alone(sampler: Sampler) -> None:
    rows = sampler.predict(rows_of(1, 2), {"sampler": "density", "label": "odd"})
    one = of_class(sampler.distributions["density"], "odd", "label=odd")
    wanted = sampler.codec.decode(draw_latents(one, [1, 2]))
    for image, pixels in zip(rows["image"], wanted, strict=True):
        assert np.array_equal(pixels_of(image), pixels[0].numpy())
    again = sampler.predict(rows_of(2), {"sampler": "density", "label": "odd"})
    assert again.iloc[0].to_list() == rows.iloc[1].to_list()
    # A draw of all classes may be of the same latent.
    others = [sampler.predict(rows_of(2), {"sampler": "density", **more})["image"][0] for more in PARAMS_OF_OTHERS]
    assert others[0] != again["image"][0]
    assert others[1] == others[2]


def test_a_label_goes_with_a_least_density(sampler: Sampler) -> None:
    drawn = sampler.predict(rows_of(*range(20)), {"sampler": "density", "label": "odd", "min_density": 0.25})
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
        sampler.predict(rows_of(1), params)
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
    assert "without classes" in _refusal(without, rows_of(1), {"sampler": "density", "label": "odd"}).found


@pytest.mark.parametrize("kernel", KERNELS)
def test_log_lds_is_that_of_the_bandwidth_whatever_the_kernel(sampler: Sampler, kernel: str) -> None:
    z_ND = sampler.distributions["density"].tensors["means"]
    density = with_densities(latent_density(z_ND, sigma="0.25", kernel=kernel))
    shaped = Sampler(sampler.codec.model, sampler.domain, {**sampler.distributions, "density": density})
    drawn = shaped.predict(rows_of(1, 2), {"sampler": "density"})
    wanted = log_density(draw_latents(density, [1, 2]), z_ND, sigma=0.25)
    assert drawn["log_lds"].to_numpy() == pytest.approx(wanted.numpy())


def test_a_model_that_was_registered_before_there_were_kernels_and_classes_is_served(
    sampler: Sampler, folder: Path
) -> None:
    wanted = sampler.predict(rows_of(1, 2), {"sampler": "density"}).to_dict()
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
    assert older.predict(rows_of(1, 2), {"sampler": "density"}).to_dict() == wanted
    assert "without classes" in _refusal(older, rows_of(1), {"sampler": "density", "label": "odd"}).found


def test_an_array_has_the_pixels_of_the_png(sampler: Sampler) -> None:
    (png,) = images_of(sampler, 3)
    (array,) = sampler.predict(rows_of(3), {"format": "array"})["image"]
    assert np.array_equal(np.asarray(array, dtype=np.uint8)[:, :, 0], pixels_of(png))


def test_beside_an_image_is_the_density_of_its_latent_and_how_many_training_images_are_less_dense(
    sampler: Sampler,
) -> None:
    drawn = sampler.predict(rows_of(*range(9)))
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
    whole = sampler.predict(rows_of(*range(10)), {"min_density": 0.3})
    for seed in range(10):
        alone = sampler.predict(rows_of(seed), {"min_density": 0.3})
        assert alone.iloc[0].to_list() == whole.iloc[seed].to_list()


def test_with_a_least_density_samples_are_as_dense_and_those_that_were_are_the_same(sampler: Sampler) -> None:
    free, dense = (sampler.predict(rows_of(*range(40)), {"min_density": least}) for least in (0.0, 0.25))
    assert (dense["denser_than_samples"] >= 0.25).all()
    assert dense["reached"].all()
    assert (free["denser_than_samples"] < 0.25).any()
    kept = free["denser_than_samples"] >= 0.3
    assert (free["image"][kept] == dense["image"][kept]).all()


def test_where_fifty_draws_do_not_reach_a_density_the_answer_says_so(sampler: Sampler) -> None:
    drawn = sampler.predict(rows_of(*range(60)), {"min_density": 0.995})
    assert not drawn["reached"].all()
    assert drawn["reached"].tolist() == (drawn["denser_than_samples"] >= 0.995).tolist()
    free = sampler.predict(rows_of(*range(60)))
    assert (drawn["log_lds"] >= free["log_lds"]).all()


@pytest.mark.parametrize("kind", ["prior", "aggregate", "density"])
def test_a_least_density_is_one_of_the_samplers_own_samples(sampler: Sampler, kind: str) -> None:
    drawn = sampler.predict(rows_of(*range(200)), {"sampler": kind})
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
    error = _refusal(sampler, rows_of(1), {name: value})
    assert (error.what, error.found) == (name, str(value))


def test_the_number_of_images_is_bounded(sampler: Sampler) -> None:
    error = _refusal(sampler, rows_of(*range(MOST_ROWS + 1)))
    assert (error.found, error.expected) == ("257 rows", "at most 256, one for every sample")


@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 2**64, 1.5, float("nan"), float("inf"), "seven", "", None, True])
def test_a_seed_that_is_none_is_refused_with_itself(sampler: Sampler, seed: Any) -> None:
    error = _refusal(sampler, pd.DataFrame({"seed": pd.Series([0, seed], dtype=object)}))
    assert error.what == "column seed"
    assert str(seed) in error.found
    assert error.expected == "one integer from 0 to 2^32 - 1 in every row"


def test_no_rows_are_refused(sampler: Sampler) -> None:
    error = _refusal(sampler, rows_of())
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
