from typing import Any

import pytest
import torch

from lds_mlflow.config import EvaluateConfig, SampleConfig, parse
from lds_mlflow.errors import ConfigError, DataError, LdsError
from lds_mlflow.recipes.classes import of_classes_as_configured, require_classes_as_configured
from lds_mlflow.recipes.division import Division
from lds_mlflow.samplers import latent_density, standard_normal
from lds_mlflow.values import ExampleSet, class_sizes
from tests.tiny import random_images
from tests.unit.latent.conftest import gaussian

N = 24
LABELS = torch.tensor([0] * 14 + [1] * 6 + [2] * 4)
TRAIN = ExampleSet("noise", random_images(N), tuple(map(str, range(N))), LABELS, ("cat", "dog", "owl"))
DENSITY = latent_density(gaussian(N, 3), sigma="0.5")


def _division(train: ExampleSet = TRAIN) -> Division:
    sizes = class_sizes(train.labels_N, train.class_names_K)
    return Division(N, 4, 4, 0, train.labels_N is not None, "images", lambda: sizes)


def _drawn(kind: type[EvaluateConfig | SampleConfig], **values: Any) -> Any:
    return of_classes_as_configured(parse(kind, values), DENSITY, TRAIN)


def test_without_classes_asked_for_a_distribution_is_as_it_is_and_no_sizes_are_read() -> None:
    assert _drawn(SampleConfig) is _drawn(EvaluateConfig) is DENSITY
    prior = standard_normal(3)
    assert of_classes_as_configured(parse(SampleConfig, {"sampler": "prior"}), prior, TRAIN) is prior

    def unread() -> dict[str, int]:
        raise AssertionError("sizes were read")

    require_classes_as_configured(parse(SampleConfig, {}), Division(N, 4, 4, 0, True, "images", unread))


def test_a_class_is_drawn_by_its_name() -> None:
    assert torch.equal(_drawn(SampleConfig, sample_label="dog").tensors["means"], DENSITY.tensors["means"][14:20])


@pytest.mark.parametrize("kind", [SampleConfig, EvaluateConfig])
def test_shares_are_the_sums_of_weights(kind: type[EvaluateConfig | SampleConfig]) -> None:
    weights = _drawn(kind, balance="dog:0.7, cat:0.3").tensors["cumulative"].diff(prepend=torch.zeros(1).double())
    assert [weights[k == LABELS].sum().item() for k in range(3)] == pytest.approx([0.3, 0.7, 0.0])


@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        ({"sample_label": "cow"}, ConfigError, "no class cow"),
        ({"sample_label": "owl"}, DataError, "4 of owl"),
        ({"balance": "equal"}, DataError, "4 of owl"),
        ({"balance": "cow:1"}, ConfigError, "no class cow"),
    ],
)
def test_what_is_refused_while_drawing_is_refused_by_the_division_too(
    values: dict[str, str], kind: type[LdsError], says: str
) -> None:
    with pytest.raises(kind, match=says) as early:
        require_classes_as_configured(parse(SampleConfig, values), _division())
    with pytest.raises(kind) as late:
        _drawn(SampleConfig, **values)
    assert str(early.value) == str(late.value)


def test_a_share_of_zero_asks_for_nothing() -> None:
    require_classes_as_configured(parse(EvaluateConfig, {"balance": "cat:0.5,dog:0.5,owl:0"}), _division())
    assert _drawn(EvaluateConfig, balance="cat:0.5,dog:0.5,owl:0")


def test_one_class_has_no_other_shares() -> None:
    with pytest.raises(ConfigError, match="sample_label=cat: should be empty where balance is not data"):
        parse(SampleConfig, {"sample_label": "cat", "balance": "equal"})
