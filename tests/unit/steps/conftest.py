"""What the tests of several steps share: digits, and vectors with a linear model of them."""

import pytest
import torch

from lds_mlflow.domains import DOMAINS
from lds_mlflow.models import AUTOENCODERS
from lds_mlflow.values import ExampleSet, ModelWeights
from tests.unit.steps.surroundings import GivenRun, digit_parts
from tests.vectors import LinearAutoencoder, Vectors


@pytest.fixture(scope="session")
def parts() -> dict[str, ExampleSet]:
    """The parts train, select and test of 120 digits."""
    return digit_parts()


@pytest.fixture(scope="session")
def digits(parts: dict[str, ExampleSet]) -> GivenRun:
    """A run of `data` that has read them."""
    metrics = {f"data/{name}_examples": float(len(part)) for name, part in parts.items()}
    return GivenRun("data", parts, params={"data": "digits"}, metrics=metrics)


@pytest.fixture
def _vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DOMAINS, Vectors.name, Vectors())
    monkeypatch.setitem(AUTOENCODERS, LinearAutoencoder.kind, LinearAutoencoder)


@pytest.fixture
def vectors(_vectors: None) -> GivenRun:
    """A run of `data` that has read vectors of two numbers, of the classes left and right."""

    def part(rows: list[list[float]], labels: list[int]) -> ExampleSet:
        names = tuple(map(str, range(len(rows))))
        return ExampleSet(
            "vectors", torch.tensor(rows), names, torch.tensor(labels), ("left", "right"), domain=Vectors.name
        )

    train = part([[0.0, 0.0], [0.0, 4.0], [10.0, 0.0], [10.0, 4.0]], [0, 0, 1, 1])
    select = part([[1.0, 0.0], [2.0, 0.0], [9.0, 0.0], [3.0, 1.0]], [0, 0, 1, 1])
    return GivenRun("data", {"train": train, "select": select}, params={"data": "vectors"})


@pytest.fixture
def first_number(_vectors: None) -> GivenRun:
    """A run of `train` with a model whose latent is the first number of a vector."""
    return GivenRun("train", {"model": LinearAutoencoder(torch.zeros(2), torch.eye(2, 1)).to_weights()})


@pytest.fixture
def of_images() -> GivenRun:
    """A run of `train` with a model of another kind of examples, which can't be opened either."""
    return GivenRun("train", {"model": ModelWeights({}, {}, kind="none")})
