"""A second kind of examples, plain vectors, and a second kind of model, a linear autoencoder that can't be trained.

They show what the project asks of either: with an entry in DOMAINS and one in AUTOENCODERS, and no change elsewhere,
vectors are read, encoded, augmented, evaluated, compared, ablated, registered, served and sampled.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor

from lds_mlflow.data import NearDuplicates, Reading
from lds_mlflow.domains import Gallery, Instruments, Quality
from lds_mlflow.metrics import FeatureClassifier, FurtherFigures, RealExamples
from lds_mlflow.metrics.estimates import mean_estimate
from lds_mlflow.models import Mixture, Posterior, Scale
from lds_mlflow.values import ExampleSet, ModelWeights, Splits

__all__ = ["LinearAutoencoder", "Vectors"]


class _AsStored:
    """Vectors are float32 for the model as they are in store; the pixels of the digits span 16."""

    def to_model(self, examples: Tensor) -> Tensor:
        return examples

    def from_model(self, x: Tensor) -> Tensor:
        return x

    def compare(self, examples_N: Tensor, decoded_N: Tensor) -> dict[str, float]:
        return {"error": (examples_N - decoded_N).square().mean().item()}


class LinearAutoencoder:
    """Principal components: mean and log variance of q(z | x) are (x - m) B and none, a decoded z is m + z B^T."""

    kind = "linear"
    decoded_at_once = 16

    def __init__(self, mean_P: Tensor, basis_PD: Tensor) -> None:
        self.mean_P, self.basis_PD = mean_P, basis_PD

    @classmethod
    def fitted(cls, examples_NP: Tensor, latent_dim: int) -> Self:
        _, _, basis_PD = torch.pca_lowrank(examples_NP, latent_dim, niter=4)
        return cls(examples_NP.mean(0), basis_PD)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        return cls(weights.state["mean"], weights.state["basis"])

    def to_weights(self) -> ModelWeights:
        state = {"mean": self.mean_P.cpu(), "basis": self.basis_PD.cpu()}
        return ModelWeights({}, state, kind=self.kind, domain=Vectors.name)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.basis_PD.shape[1],)

    @property
    def device(self) -> torch.device:
        return self.mean_P.device

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.mean_P.to(device), self.basis_PD.to(device))

    def encode(self, x: Tensor) -> Posterior:
        return Posterior((x - self.mean_P) @ self.basis_PD)

    def decode(self, z: Tensor) -> Tensor:
        return self.mean_P + z @ self.basis_PD.T

    def prior_mixture(self) -> Mixture | None:
        return None


class _NearestMean:
    """The class whose mean is nearest; the distances to all means are the features."""

    resize = "none"

    def __init__(self, weights: ModelWeights) -> None:
        self.means_KP, self.name = weights.state["means"], f"nearest-mean-{weights.digest[:8]}"

    def features(self, examples_N: Tensor) -> Tensor:
        return torch.cdist(examples_N, self.means_KP)

    def classes(self, examples_N: Tensor) -> Tensor:
        return self.features(examples_N).argmin(1)


class Vectors:
    """Vectors, float32 [N, P]; see Domain."""

    name = "vectors"
    scale: Scale = _AsStored()
    suffix = ".csv"
    column = "vector"
    packages: Mapping[str, str] = {"sklearn": "scikit-learn"}
    formats: Mapping[str, Callable[[Tensor], Any]] = {"list": lambda example: example.tolist()}
    gallery: Gallery | None = None
    qualities: Mapping[str, Quality] = {"norm": Quality("norm", lambda examples: examples.norm(dim=1).double())}

    def takes(self, source: str) -> bool:
        return source == "vectors:digits"

    def describe_source(self, source: str) -> str:
        return source

    def load(self, source: str, reading: Reading) -> ExampleSet:
        vectors, labels = load_digits(return_X_y=True)
        return ExampleSet(
            name="digits as vectors",
            examples_N=torch.from_numpy(vectors.astype(np.float32)),
            ids_N=tuple(f"vector-{i:04d}" for i in range(len(vectors))),
            labels_N=torch.from_numpy(labels).long(),
            class_names_K=tuple(map(str, range(10))),
            domain=self.name,
        )

    def describe(self, examples: ExampleSet) -> str:
        return f"{len(examples):,} vectors of {examples.examples_N.shape[1]} numbers"

    def near_duplicates(self, splits: Splits) -> NearDuplicates:
        return NearDuplicates({}, ())

    def grid(self, examples_N: Tensor) -> Image.Image:
        return Image.fromarray((examples_N * 255 / 16).clamp(0, 255).to(torch.uint8).numpy())

    def pairs(self, above_N: Tensor, below_N: Tensor) -> Image.Image:
        return self.grid(torch.stack([above_N, below_N], 1).flatten(0, 1))

    def bands(self, examples_N: Tensor, log_lds_N: Tensor, *, bands: int, per_band: int) -> Figure:
        figure = Figure()
        figure.subplots().imshow(self.grid(examples_N))
        return figure

    def file_content(self, example: Tensor) -> bytes:
        return ",".join(map(str, example.tolist())).encode()

    def files(self, examples_N: Tensor, /) -> Mapping[str, bytes]:
        return {"vectors.txt": b"\n".join(map(self.file_content, examples_N))}

    def train_classifier(self, train: ExampleSet, *, steps: int, seed: int, device: str) -> ModelWeights:
        assert train.labels_N is not None
        means = [train.examples_N[train.labels_N == k].mean(0) for k in range(len(train.class_names_K))]
        return ModelWeights({}, {"means": torch.stack(means)}, kind="nearest-mean")

    def open_classifier(self, weights: ModelWeights, device: str) -> FeatureClassifier:
        return _NearestMean(weights)


def further_figures(samples_S: Tensor, real: RealExamples, by: Instruments) -> FurtherFigures:
    inked = [(examples > 8).double().mean(1) for examples in (samples_S, real.train.examples_N)]
    return FurtherFigures(
        estimates={"inked": mean_estimate(inked[0], len(real.held_out))},
        values={"drawn": 0.0 if by.draw_class is None else float(len(by.draw_class("3", 2)))},
        floor={"inked": float(inked[1].mean())},
        tables={"What is inked": pd.DataFrame({"inked": ["0.2"]})},
        notes=("Vectors have no pixels.",),
    )
