"""A small classifier of the training labels: an extractor that needs no download, and the judge of class shares."""

from collections.abc import Callable
from itertools import pairwise
from math import log2, sqrt
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from lds_mlflow.errors import DataError
from lds_mlflow.machine.progress import progress_bar
from lds_mlflow.models import PIXELS
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = ["Chance", "Classifier", "accuracy_by_chance", "fit_classifier", "labels_of", "train_classifier"]

_BATCH = 64
_LEARNING_RATE = 2e-3
_WIDTHS = (32, 64, 128)


class Chance(NamedTuple):
    """What naming the most frequent class every time would achieve.

    Attributes:
        accuracy: The share that would be classified correctly.
        highest: Two standard errors above it: a classifier that has learned something is better than this.
    """

    accuracy: float
    highest: float


def accuracy_by_chance(labels_N: Tensor) -> Chance:
    """Returns what naming the most frequent class of labels, int64 [N], would achieve."""
    share = labels_N.bincount().max().item() / len(labels_N)
    return Chance(share, share + 2 * sqrt(share * (1 - share) / len(labels_N)))


class Classifier(nn.Module):
    """Strided convolutions down to 4x4 or less, then features, then classes.

    Args:
        resolution: Side of an image in pixels.
        channels: Colour channels of an image.
        n_classes: K.
        n_features: F, the width of the layer before the classes.
    """

    def __init__(self, resolution: int, channels: int, n_classes: int, n_features: int = 64) -> None:
        super().__init__()
        self.spec = {
            "resolution": resolution,
            "channels": channels,
            "n_classes": n_classes,
            "n_features": n_features,
        }
        n_halvings = max(1, int(log2(resolution)) - 2)
        widths = [channels, *(_WIDTHS[min(i, len(_WIDTHS) - 1)] for i in range(n_halvings + 1))]
        strides = [1] + [2] * n_halvings
        self.body = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(a, b, 3, stride, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
                )
                for (a, b), stride in zip(pairwise(widths), strides, strict=True)
            ),
            nn.Flatten(),
            nn.LazyLinear(n_features),
            nn.ReLU(),
        )
        self.head = nn.Linear(n_features, n_classes)
        self.eval()
        self.body(torch.zeros(1, channels, resolution, resolution))

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """Returns the network whose stored weights are given, in evaluation mode."""
        model = cls(**{name: int(value) for name, value in weights.spec.items()})
        model.load_state_dict(weights.state)
        return model.eval()

    def to_weights(self) -> ModelWeights:
        """Returns a copy of the network's weights, on the CPU."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.state_dict().items()}
        return ModelWeights(spec={**self.spec}, state=state, kind="classifier")

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.head.weight.device

    def features(self, x: Tensor) -> Tensor:
        """Maps images, [B, C, H, W] in -1..1, to features, [B, F]."""
        features: Tensor = self.body(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        """Maps images, [B, C, H, W] in -1..1, to logits, [B, K]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def train_classifier(images: ExampleSet, *, steps: int, seed: int, device: str = "cpu") -> Classifier:
    """Trains a classifier on labelled images, by cross entropy with Adam.

    Args:
        images: Training images with labels.
        steps: Optimizer steps of 64 images.
        seed: Determines weights and batches.
        device: Where to train.

    Raises:
        DataError: The images have no labels.
    """
    labels_N = labels_of(
        images, "Put the images in one folder a class, bring a labels.csv, or give features=inception."
    )
    resolution, channels = images.examples_N.shape[-1], images.examples_N.shape[1]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Classifier(resolution, channels, len(images.class_names_K)).to(device)
    fit_classifier(
        model,
        lambda rows: PIXELS.to_model(images.examples_N[rows].to(device)),
        labels_N,
        steps=steps,
        seed=seed,
    )
    return model


def labels_of(examples: ExampleSet, remedy: str) -> Tensor:
    """Returns the labels of examples, int64 [N].

    Args:
        examples: The examples.
        remedy: What to do where they have none.

    Raises:
        DataError: They have none.
    """
    if examples.labels_N is None:
        raise DataError(
            f"{examples.domain} of {examples.name}",
            found="no labels",
            expected="a class for every one of them, to train the offline feature extractor on",
            remedy=remedy,
        )
    return examples.labels_N


def fit_classifier(
    model: nn.Module, batch_of: Callable[[Tensor], Tensor], labels_N: Tensor, *, steps: int, seed: int
) -> None:
    """Fits a network to labels by cross entropy with Adam, and leaves it in evaluation mode.

    Args:
        model: Maps what `batch_of` returns to logits, [B, K].
        batch_of: Returns what the network sees of some examples, by their rows, int64 [B], on its device.
        labels_N: The labels, int64 [N].
        steps: Optimizer steps of 64 examples.
        seed: Determines the batches.
    """
    model.train()
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    with progress_bar(steps, "training the classifier", unit="step") as bar:
        for _ in range(steps):
            rows = torch.randint(len(labels_N), (_BATCH,), generator=generator)
            logits = model(batch_of(rows))
            loss = functional.cross_entropy(logits, labels_N[rows].to(logits.device))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.update()
    model.eval()
