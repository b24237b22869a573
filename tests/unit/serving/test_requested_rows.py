from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from lds_mlflow.errors import LdsError
from lds_mlflow.latent import interpolate
from lds_mlflow.samplers import draw_latents
from lds_mlflow.samplers.classes import with_class_shares
from lds_mlflow.serving.sampler import Sampler
from tests.unit.serving.drawing import images_of, pixels_of


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
    difference = pixels_of(_between(sampler, 0.3)["image"][0]).astype(int) - wanted.astype(int)
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
    assert rows["image"][0] == images_of(sampler, 5)[0]
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
        assert np.array_equal(pixels_of(image), wanted[0].numpy())
    alone = sampler.predict([2], {"nearest": True})
    assert alone.iloc[0].to_list() == rows.iloc[1].to_list()
    assert "nearest" not in sampler.predict([1])


def test_classes_have_the_shares_that_are_asked_for(sampler: Sampler) -> None:
    odd = sampler.predict([1, 2], {"sampler": "density", "balance": "odd:1"})
    wanted = with_class_shares(sampler.distributions["density"], {"odd": 1.0}, "balance")
    for image, pixels in zip(odd["image"], sampler.codec.decode(draw_latents(wanted, [1, 2])), strict=True):
        assert np.array_equal(pixels_of(image), pixels[0].numpy())
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
