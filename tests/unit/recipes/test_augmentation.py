from typing import Any

import pytest
import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.errors import DataError
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes import Ingredients, make_augmentation
from lds_mlflow.recipes.augmentation import Augmentation
from lds_mlflow.values import LatentSet
from tests.tiny import SPEC
from tests.unit.latent.conftest import gaussian
from tests.unit.recipes.conftest import examples

TRAIN = examples(20)


def _made(**settings: Any) -> Augmentation:
    z_ND = gaussian(20, 4)
    ingredients = Ingredients(
        LatentSet(z_ND, torch.zeros_like(z_ND), TRAIN.ids_N),
        Codec(VAE.initialised(SPEC, 0).eval()),
        TRAIN,
        held_out=lambda: TRAIN,
        reserve=lambda: None,
    )
    return make_augmentation(parse(AugmentConfig, settings), ingredients)


def test_interpolants_come_with_how_they_were_selected() -> None:
    made = _made(augmentation_ratio=0.5)
    assert made.selected is not None
    assert len(made.examples.examples_A) == len(made.selected.selection.index_A) == 10


def test_a_control_is_made_without_selecting() -> None:
    made = _made(source="prior", augmentation_ratio=0.5)
    assert made.selected is None
    assert made.examples.examples_A.shape == (10, 1, 8, 8)


def test_real_images_that_were_not_kept_aside_are_refused() -> None:
    with pytest.raises(DataError, match="reserve_fraction"):
        _made(source="real")
