from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from lds_mlflow import values
from lds_mlflow.values import Candidates, ExampleSet, ModelWeights, evenly_spread
from tests.conftest import an_evaluation

KINDS = [kind for kind in (getattr(values, name) for name in values.__all__) if isinstance(kind, type)]


def _images(n: int = 4) -> ExampleSet:
    return ExampleSet(
        name="pictures",
        examples_N=torch.arange(n * 4, dtype=torch.uint8).reshape(n, 1, 2, 2),
        ids_N=tuple(f"{i}.png" for i in range(n)),
        labels_N=torch.arange(n),
        class_names_K=tuple(str(i) for i in range(n)),
        declared_parts_N=("train", "test") * (n // 2),
    )


def _weights() -> ModelWeights:
    return ModelWeights({"width": 2}, {"a": torch.tensor([[1.0, 2.0]]), "b": torch.tensor([3.0])})


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_is_a_frozen_dataclass_without_room_for_more(kind: type[object]) -> None:
    assert is_dataclass(kind)
    value = object.__new__(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(kind)[0].name, 1)
    assert not hasattr(value, "__dict__")


def test_images_are_as_many_as_their_names() -> None:
    assert len(_images(4)) == 4


def test_taking_images_takes_everything_about_them_in_that_order() -> None:
    taken = _images().take(torch.tensor([2, 0]))
    assert taken.ids_N == ("2.png", "0.png")
    assert taken.examples_N[:, 0, 0, 0].tolist() == [8, 0]
    assert taken.labels_N is not None
    assert taken.labels_N.tolist() == [2, 0]
    assert taken.declared_parts_N == ("train", "train")
    assert (taken.name, taken.class_names_K) == ("pictures", _images().class_names_K)


def test_images_without_labels_and_parts_can_be_taken() -> None:
    taken = replace(_images(), labels_N=None, declared_parts_N=()).take(torch.tensor([1]))
    assert taken.labels_N is None
    assert taken.declared_parts_N == ()


def test_taking_no_images_gives_an_empty_set() -> None:
    assert len(_images().take(torch.tensor([], dtype=torch.int64))) == 0


@pytest.mark.parametrize(
    ("n", "shown", "rows"), [(5, 3, [0, 2, 4]), (5, 9, [0, 1, 2, 3, 4]), (4, 4, [0, 1, 2, 3]), (5, 1, [0]), (0, 3, [])]
)
def test_rows_are_spread_evenly_from_the_first_to_the_last(n: int, shown: int, rows: list[int]) -> None:
    assert evenly_spread(n, shown).tolist() == rows
    assert evenly_spread(n, shown).dtype == torch.int64


def test_a_few_images_are_spread_over_the_set() -> None:
    assert _images(4).spread(2).ids_N == ("0.png", "3.png")
    assert _images(4).spread(9).ids_N == _images(4).ids_N


def test_equal_images_have_equal_digests_wherever_they_lie_in_memory() -> None:
    wide = _images().examples_N.repeat(1, 1, 1, 2)[..., :2]
    assert replace(_images(), examples_N=wide).digest == _images().digest


@pytest.mark.parametrize(
    "change",
    [
        {"examples_N": 1 + _images().examples_N},
        {"examples_N": _images().examples_N.reshape(4, 1, 4, 1)},
        {"examples_N": _images().examples_N.reshape(4, 4, 1, 1)},
        {"ids_N": ("0.png", "1.png", "2.png", "x.png")},
        {"labels_N": torch.tensor([0, 1, 2, 2])},
        {"labels_N": None},
    ],
)
def test_other_pixels_names_or_labels_have_another_digest(change: dict[str, Any]) -> None:
    assert replace(_images(), **change).digest != _images().digest


def test_the_name_of_a_set_has_no_part_in_its_digest() -> None:
    assert replace(_images(), name="other").digest == _images().digest


def test_equal_weights_have_equal_digests_whatever_their_order() -> None:
    assert ModelWeights({}, dict(reversed(_weights().state.items()))).digest == _weights().digest


@pytest.mark.parametrize(
    "change",
    [
        {"a": torch.tensor([[1.0, 2.5]])},
        {"a": torch.tensor([[1.0], [2.0]])},
        {"c": torch.tensor([3.0])},
    ],
)
def test_other_tensors_have_another_digest(change: dict[str, torch.Tensor]) -> None:
    assert replace(_weights(), state=_weights().state | change).digest != _weights().digest


def test_the_parameters_of_a_network_are_counted() -> None:
    assert _weights().n_parameters == 3


def test_figures_are_named_with_the_ends_of_their_intervals() -> None:
    assert an_evaluation().named() == {
        "fid": 1.25,
        "floor_fid": 0.5,
        "fid_low": 1.0,
        "fid_high": 1.5,
    }


@pytest.mark.parametrize("index", [torch.tensor([2, 0]), torch.tensor([True, False, True])])
def test_candidates_are_taken_with_all_that_belongs_to_them(index: Tensor) -> None:
    candidates = Candidates(
        torch.arange(6.0).reshape(3, 2), torch.tensor([[0, 1], [1, 2], [2, 0]]), torch.tensor([0.1, 0.5, 0.9]), "slerp"
    )
    some = candidates.take(index)
    assert torch.equal(some.z_MD, candidates.z_MD[index])
    assert torch.equal(some.parents_M2, candidates.parents_M2[index])
    assert torch.equal(some.alpha_M, candidates.alpha_M[index])
    assert some.interpolation == "slerp"
