import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models import Autoencoder
from lds_mlflow.models.stylegan import VAE
from lds_mlflow.serving.requests import DISTRIBUTIONS
from lds_mlflow.serving.sampler import Sampler, load_sampler, save_sampler
from lds_mlflow.values import ExampleSet
from tests.tiny import random_images
from tests.unit.serving.drawing import images_of


def _forbidden(*arguments: Any, **options: Any) -> None:
    raise AssertionError("something was unpickled")


_read: Any = torch.serialization._load


def _tensors_alone(archive: Any, place: Any, pickle_module: Any, *arguments: Any, **options: Any) -> Any:
    assert pickle_module is torch._weights_only_unpickler
    return _read(archive, place, pickle_module, *arguments, **options)


def test_a_loaded_model_draws_the_same_images_and_nothing_is_unpickled(
    model: Autoencoder, sampler: Sampler, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = images_of(sampler, 1, 2)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, _forbidden)
    # torch.export.load reads the example of an input by torch.load, which is told to read tensors alone.
    monkeypatch.setattr(torch.serialization, "_load", _forbidden if isinstance(model, VAE) else _tensors_alone)
    loaded = load_sampler(folder)
    assert isinstance(loaded, Sampler)
    assert images_of(Sampler(loaded.codec.model.to("cpu"), loaded.domain, loaded.distributions), 1, 2) == wanted


@pytest.mark.parametrize("model", ["trained"], indirect=True)
def test_a_loaded_model_is_in_evaluation_mode(folder: Path) -> None:
    model = load_sampler(folder).codec.model
    assert isinstance(model, VAE)
    assert not model.training


@pytest.mark.parametrize("part", ["weights", *DISTRIBUTIONS])
def test_a_damaged_model_is_not_served(folder: Path, part: str) -> None:
    (folder / part / "tensors.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="digest"):
        load_sampler(folder)


def test_a_model_keeps_the_examples_that_it_is_given(sampler: Sampler, folder: Path) -> None:
    assert load_sampler(folder).examples is None
    kept = ExampleSet("noise", random_images(3), ("0", "1", "2"))
    save_sampler(folder, sampler.codec.model.to_weights(), sampler.distributions, kept)
    examples = load_sampler(folder).examples
    assert examples is not None
    assert torch.equal(examples.examples_N, kept.examples_N)
