import pytest
import torch

from lds_mlflow.metrics import (
    Balance,
    ClassLabels,
    Features,
    JudgedLabels,
    frechet_distance,
    measure_balance,
    wilson_interval,
)
from lds_mlflow.values import evenly_spread

NAMES = ("cat", "dog", "owl")


def _judged(labels: list[int], judged: list[int] | None = None) -> JudgedLabels:
    """Labels of real examples, which the classifier takes for themselves unless told otherwise."""
    return JudgedLabels(torch.tensor(labels), torch.tensor(judged or labels))


def _features(samples: int, held_out: int, train: int) -> Features:
    generator = torch.Generator().manual_seed(0)
    sizes = (samples, held_out, train)
    return Features(*(torch.randn(n, 3, generator=generator) for n in sizes))


def _labels(cats: int, dogs: int, owls: int) -> list[int]:
    return [0] * cats + [1] * dogs + [2] * owls


def _measure(
    samples: list[int], held_out: JudgedLabels, train: list[int], further: JudgedLabels | None = None
) -> Balance:
    features = _features(len(samples), len(held_out.true_N), len(train))
    labels = ClassLabels(NAMES, torch.tensor(train), held_out, further)
    return measure_balance(torch.tensor(samples), labels, features)


@pytest.fixture
def held_out() -> JudgedLabels:
    return _judged(_labels(14, 16, 10))


@pytest.fixture
def train() -> list[int]:
    return _labels(50, 30, 20)


@pytest.fixture
def further() -> JudgedLabels:
    """Ten of each class; a fifth of the cats is taken for dogs."""
    return _judged(_labels(10, 10, 10), _labels(8, 12, 10))


@pytest.fixture
def balance(held_out: JudgedLabels, train: list[int], further: JudgedLabels) -> Balance:
    return _measure(_labels(16, 14, 10), held_out, train, further)


def test_shares_are_those_of_the_judge_and_of_the_true_training_labels(balance: Balance) -> None:
    assert balance.names_K == NAMES
    found = [[balance.metrics[f"{kind}/{name}"] for name in NAMES] for kind in ("class_share", "train_class_share")]
    assert found == [[0.4, 0.35, 0.25], [0.5, 0.3, 0.2]]
    assert balance.training_K.tolist() == [0.5, 0.3, 0.2]
    assert balance.observed_K[1] == (0.35, *wilson_interval(0.35, 40))
    assert balance.estimates["class_share_gap"].value == pytest.approx(0.1)
    assert balance.estimates["class_share_gap"].by_real_N.shape == (40,)


def test_the_floor_is_the_gap_of_the_held_out_examples(balance: Balance) -> None:
    # 14, 16 and 10 of 40 against 0.5, 0.3 and 0.2.
    assert balance.metrics["floor_class_share_gap"] == pytest.approx(0.15)


def test_cats_that_are_taken_for_dogs_are_given_back(balance: Balance) -> None:
    assert balance.metrics["classifier_accuracy"] == pytest.approx(28 / 30)
    assert balance.corrected is not None
    assert balance.corrected.shares_K.tolist() == pytest.approx([0.5, 0.25, 0.25])
    assert [balance.metrics[f"class_share_corrected/{name}"] for name in NAMES] == balance.corrected.shares_K.tolist()
    assert balance.estimates["class_share_gap_corrected"].value == pytest.approx(0.05)
    # Of the held-out examples 0.35 / 0.8 are cats, 0.25 owls and the rest dogs: both are more than in training.
    assert balance.metrics["floor_class_share_gap_corrected"] == pytest.approx(0.0125 + 0.05)
    assert balance.notes == ()


def test_every_class_has_the_distances_of_as_many_examples_of_each_set(balance: Balance) -> None:
    features = _features(40, 40, 100)
    # Of owls there are ten of each; of dogs fourteen among the samples.
    owls = features.held_out_NF[30:], features.samples_SF[30:], features.train_TF[80:]
    dogs = features.held_out_NF[14:30], features.samples_SF[16:30], features.train_TF[50:80]
    for name, sets, n in (("owl", owls, 10), ("dog", dogs, 14)):
        # What is more is left out evenly: neighbours in a file are often of one scene.
        real, samples, training = (rows[evenly_spread(len(rows), n)] for rows in sets)
        assert balance.metrics[f"class_fid_examples/{name}"] == n
        assert balance.metrics[f"class_fid/{name}"] == frechet_distance(real, samples)
        assert balance.metrics[f"floor_class_fid/{name}"] == frechet_distance(real, training)


@pytest.mark.parametrize("lacking", ["samples", "held-out examples", "training examples"])
def test_a_class_of_fewer_than_ten_examples_of_a_set_has_no_distance_and_is_named(
    lacking: str, held_out: JudgedLabels, train: list[int], further: JudgedLabels
) -> None:
    few = _labels(20, 11, 9)
    balance = _measure(
        few if lacking == "samples" else _labels(15, 15, 10),
        _judged(few) if lacking == "held-out examples" else held_out,
        few if lacking == "training examples" else train,
        further,
    )
    assert {name for name in balance.metrics if "class_fid" in name} == {
        "class_fid/cat",
        "class_fid/dog",
        "class_fid_examples/cat",
        "class_fid_examples/dog",
        "floor_class_fid/cat",
        "floor_class_fid/dog",
    }
    assert len(balance.notes) == 1
    assert "The classes owl have no distance of their own" in balance.notes[0]
    assert "fewer than 10" in balance.notes[0]


def test_a_class_that_the_judge_takes_no_sample_for_has_a_share_of_zero_and_no_distance(
    held_out: JudgedLabels, train: list[int], further: JudgedLabels
) -> None:
    balance = _measure([0] * 40, held_out, train, further)
    assert [balance.metrics[f"class_share/{name}"] for name in NAMES] == [1, 0, 0]
    assert balance.observed_K[2][0] == 0 < balance.observed_K[2][2]
    assert [name for name in balance.metrics if name.startswith("class_fid/")] == ["class_fid/cat"]
    assert "The classes dog, owl" in balance.notes[0]


def test_without_further_examples_of_a_class_a_note_stands_for_the_corrected_shares(
    held_out: JudgedLabels, train: list[int]
) -> None:
    balance = _measure(_labels(16, 14, 10), held_out, train, _judged(_labels(10, 10, 0)))
    assert balance.corrected is None
    assert set(balance.estimates) == {"class_share_gap"}
    assert not [name for name in balance.metrics if "corrected" in name]
    assert len(balance.notes) == 1
    assert balance.notes[0].startswith("Class shares are not corrected for the classifier's confusion. ")
    assert "no example of owl" in balance.notes[0]


def test_the_same_examples_have_the_same_intervals(
    held_out: JudgedLabels, train: list[int], further: JudgedLabels
) -> None:
    first, again = (_measure(_labels(16, 14, 10), held_out, train, further).corrected for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.low_K.tolist() == again.low_K.tolist()
    assert (first.low_K < first.high_K).all()


def test_without_further_examples_the_held_out_ones_give_the_confusion_and_there_is_no_corrected_floor(
    train: list[int],
) -> None:
    held_out = _judged(_labels(10, 10, 10), _labels(8, 12, 10))
    balance = _measure(_labels(14, 14, 12), held_out, train)
    assert balance.metrics["classifier_accuracy"] == pytest.approx(28 / 30)
    assert balance.corrected is not None
    assert "floor_class_share_gap_corrected" not in balance.metrics
    assert "floor_class_share_gap" in balance.metrics
