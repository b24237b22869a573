import base64
import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from lds_mlflow.errors import ArtifactError, DataError
from lds_mlflow.samplers import draw_latents, standard_normal
from lds_mlflow.sampling import decode_latents
from lds_mlflow.serving import DISTRIBUTION, WEIGHTS, Sampler, _load_pyfunc, png_of
from lds_mlflow.store import save_value
from lds_mlflow.vae import VAE, VaeSpec

TINY = VaeSpec(8, 1, channel_base=64, channel_max=8, latent_dim=4, style_dim=8, mapping_layers=1)


@pytest.fixture
def sampler() -> Sampler:
    return Sampler(VAE.initialised(TINY, 0).eval(), standard_normal(4))


@pytest.fixture
def folder(sampler: Sampler, tmp_path: Path) -> Path:
    """Where the sampler is stored."""
    save_value(sampler.model.to_weights(), tmp_path / "model" / WEIGHTS)
    save_value(sampler.distribution, tmp_path / "model" / DISTRIBUTION)
    return tmp_path / "model"


def _rows(*seeds: Any) -> pd.DataFrame:
    return pd.DataFrame({"seed": list(seeds)})


def _images(sampler: Sampler, *seeds: int, **params: Any) -> list[str]:
    return [str(image) for image in sampler.predict(_rows(*seeds), params)["image"]]


def _pixels(image: str) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image, validate=True))))


def _forbidden(*arguments: Any, **options: Any) -> None:
    raise AssertionError("something was unpickled")


def _refusal(sampler: Sampler, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> DataError:
    with pytest.raises(DataError) as caught:
        sampler.predict(rows, params)
    return caught.value


def test_every_row_gives_its_seed_and_an_image(sampler: Sampler) -> None:
    drawn = sampler.predict(_rows(5, 3, 5))
    assert list(drawn.columns) == ["seed", "image"]
    assert drawn["seed"].tolist() == [5, 3, 5]
    assert drawn["seed"].dtype == np.int64
    assert drawn["image"][0] == drawn["image"][2] != drawn["image"][1]


def test_a_seed_gives_the_same_image_in_any_batch(sampler: Sampler) -> None:
    wanted = _images(sampler, *range(6))
    assert [_images(sampler, seed)[0] for seed in range(6)] == wanted
    assert _images(sampler, *reversed(range(6))) == wanted[::-1]
    assert _images(sampler, 4, 4, 0, 1) == [wanted[4], wanted[4], wanted[0], wanted[1]]


def test_an_image_is_what_the_model_decodes(sampler: Sampler) -> None:
    decoded = decode_latents(sampler.model, draw_latents(sampler.distribution, [7, 8]))
    for image, wanted in zip(_images(sampler, 7, 8), decoded, strict=True):
        assert np.array_equal(_pixels(image), wanted[0].numpy())


def test_the_largest_seed_is_drawn(sampler: Sampler) -> None:
    assert sampler.predict(_rows(2**32 - 1))["seed"].tolist() == [2**32 - 1]


def test_without_truncation_it_is_1(sampler: Sampler) -> None:
    assert _images(sampler, 1) == _images(sampler, 1, truncation=1.0) == _images(sampler, 1, truncation=1)
    assert sampler.predict(_rows(1), None)["image"].tolist() == _images(sampler, 1)


def test_truncation_scales_the_latents(sampler: Sampler) -> None:
    wanted = decode_latents(sampler.model, draw_latents(sampler.distribution, [1], truncation=0.5))[0, 0].numpy()
    assert np.array_equal(_pixels(_images(sampler, 1, truncation=0.5)[0]), wanted)


@pytest.mark.parametrize("truncation", [0, -1, 2.01, float("nan"), float("inf"), "much", None])
def test_a_truncation_out_of_range_is_refused_with_itself(sampler: Sampler, truncation: Any) -> None:
    error = _refusal(sampler, _rows(1), {"truncation": truncation})
    assert error.what == "truncation"
    assert str(truncation) in error.found
    assert error.expected == "above 0, at most 2"


@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 2**64, 1.5, float("nan"), float("inf"), "seven", "", None])
def test_a_seed_that_is_none_is_refused_with_itself(sampler: Sampler, seed: Any) -> None:
    error = _refusal(sampler, pd.DataFrame({"seed": pd.Series([0, seed], dtype=object)}))
    assert error.what == "column seed"
    assert str(seed) in error.found
    assert error.expected == "one integer from 0 to 2^32 - 1 in every row"


def test_no_rows_are_refused(sampler: Sampler) -> None:
    error = _refusal(sampler, _rows())
    assert error.what == "column seed"
    assert error.found == "no rows"
    assert error.remedy == "Send one row an image."


def test_rows_without_seeds_are_refused(sampler: Sampler) -> None:
    error = _refusal(sampler, pd.DataFrame({"sed": [1]}))
    assert "seed" in error.what
    assert "sed" in error.found


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_decodes_to_its_image(channels: int, mode: str) -> None:
    image = torch.randint(256, (channels, 5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    opened = Image.open(io.BytesIO(png_of(image)))
    assert (opened.format, opened.mode, opened.size) == ("PNG", mode, (7, 5))
    assert np.array_equal(np.asarray(opened).reshape(5, 7, channels), image.permute(1, 2, 0).numpy())


def test_a_loaded_model_draws_the_same_images_and_nothing_is_unpickled(
    sampler: Sampler, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = _images(sampler, 1, 2)
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, _forbidden)
    monkeypatch.setattr(torch, "load", _forbidden)
    loaded = _load_pyfunc(str(folder))
    assert isinstance(loaded, Sampler)
    assert _images(Sampler(loaded.model.cpu(), loaded.distribution), 1, 2) == wanted


def test_a_loaded_model_is_in_evaluation_mode(folder: Path) -> None:
    assert not _load_pyfunc(str(folder)).model.training


@pytest.mark.parametrize("part", [WEIGHTS, DISTRIBUTION])
def test_a_damaged_model_is_not_served(folder: Path, part: str) -> None:
    (folder / part / "tensors.safetensors").write_bytes(b"damaged")
    with pytest.raises(ArtifactError, match="digest"):
        _load_pyfunc(str(folder))
