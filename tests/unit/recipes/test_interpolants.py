from typing import Any

import torch

from lds_mlflow.config import AugmentConfig, parse
from lds_mlflow.metrics import sharpness
from lds_mlflow.models import Codec
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.recipes import Augmentation, Ingredients, make_augmentation
from lds_mlflow.values import ExampleSet, LatentSet
from tests.tiny import SPEC, random_images

CODEC = Codec(VAE.initialised(SPEC, 0).eval())
TRAIN = ExampleSet("tests", random_images(40), tuple(map(str, range(40))))
POSTERIOR = CODEC.encode(TRAIN.examples_N)


def _make(asked: list[str], **settings: Any) -> Augmentation:
    def held_out() -> ExampleSet:
        asked.append("held_out")
        return TRAIN

    latents = LatentSet(POSTERIOR.mean, POSTERIOR.log_variance, TRAIN.ids_N)
    ingredients = Ingredients(latents, CODEC, TRAIN, held_out=held_out, reserve=lambda: None)
    return make_augmentation(parse(AugmentConfig, settings), ingredients)


def test_a_is_decoded_from_the_selected_candidates_the_densest_first() -> None:
    made = _make([])
    assert made.selected is not None
    scores = made.selected.scored.scores.log_lds_M[made.selected.selection.index_A]
    assert torch.equal(scores, scores.sort(descending=True).values)
    assert made.examples.z_AD is not None
    assert torch.equal(made.examples.z_AD, made.selected.candidates.z_MD)
    assert torch.equal(made.examples.examples_A, CODEC.decode(made.examples.z_AD))
    assert len(made.examples.examples_A) == 20


def test_the_held_out_examples_are_read_only_for_a_rule_that_needs_them() -> None:
    asked: list[str] = []
    _make(asked, selection="top")
    assert not asked
    _make(asked, selection="conformal", mass=0.5)
    assert asked == ["held_out"]


def test_the_second_filter_keeps_the_sharpest_of_the_decoded_candidates() -> None:
    selected = _make([], sharpest_fraction=0.5).selected
    assert selected is not None
    assert selected.selection.funnel["sharp"] == 20
    n_top = selected.selection.funnel["in the top fraction"]
    top = selected.scored.scores.log_lds_M.topk(n_top).indices
    sharp = sharpness(CODEC.decode(selected.scored.candidates.z_MD))
    kept = selected.selection.index_A
    assert sharp[kept].min() >= sharp[top].sort(descending=True).values[: len(kept)].min()
