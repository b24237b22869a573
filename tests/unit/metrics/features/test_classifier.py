from dataclasses import replace

import pytest
import torch

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import Classifier, accuracy_by_chance, train_classifier
from lds_mlflow.values import ExampleSet


def _shades(n: int = 40, *, side: int = 8, channels: int = 1) -> ExampleSet:
    """Dark and bright pictures, in turn, with a little noise."""
    labels = torch.arange(n) % 2
    noise = torch.randint(60, (n, channels, side, side), generator=torch.Generator().manual_seed(0))
    return ExampleSet(
        name="shades",
        examples_N=(noise + 180 * labels[:, None, None, None]).to(torch.uint8),
        ids_N=tuple(f"{i}.png" for i in range(n)),
        labels_N=labels,
        class_names_K=("dark", "bright"),
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [8, 16, 32])
def test_features_and_logits_have_their_widths(resolution: int, channels: int) -> None:
    model = Classifier(resolution, channels, n_classes=5, n_features=12)
    x = torch.zeros(2, channels, resolution, resolution)
    assert model.features(x).shape == (2, 12)
    assert model(x).shape == (2, 5)


def test_what_was_trained_tells_the_classes_apart() -> None:
    images = _shades()
    model = train_classifier(images, steps=25, seed=0)
    found = model(images.examples_N.float() / 127.5 - 1).argmax(1)
    assert images.labels_N is not None
    assert torch.equal(found, images.labels_N)


def test_a_trained_classifier_is_in_evaluation_mode() -> None:
    assert not any(module.training for module in train_classifier(_shades(), steps=1, seed=0).modules())


def test_one_seed_gives_the_same_weights_and_another_others() -> None:
    digests = [train_classifier(_shades(), steps=2, seed=seed).to_weights().digest for seed in (3, 3, 4)]
    assert digests[0] == digests[1] != digests[2]


def test_training_leaves_the_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    train_classifier(_shades(), steps=1, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_at_rest_give_the_same_network_back() -> None:
    model = train_classifier(_shades(channels=3), steps=2, seed=0)
    again = Classifier.from_weights(model.to_weights())
    x = torch.rand(3, 3, 8, 8)
    assert torch.equal(again(x), model(x))
    assert again.to_weights().digest == model.to_weights().digest
    assert again.spec == model.spec


def test_images_without_labels_are_refused_with_three_ways_out() -> None:
    with pytest.raises(DataError) as caught:
        train_classifier(replace(_shades(), labels_N=None, class_names_K=()), steps=1, seed=0)
    assert caught.value.what == "images of shades"
    assert caught.value.found == "no labels"
    assert all(way in caught.value.remedy for way in ("one folder a class", "labels.csv", "features=inception"))


@pytest.mark.parametrize(("counts", "accuracy", "highest"), [((50, 50), 0.5, 0.6), ((90, 10), 0.9, 0.96), ((4,), 1, 1)])
def test_chance_is_naming_the_most_frequent_class(counts: tuple[int, ...], accuracy: float, highest: float) -> None:
    chance = accuracy_by_chance(torch.cat([torch.full((n,), k) for k, n in enumerate(counts)]))
    assert chance == pytest.approx((accuracy, highest))
