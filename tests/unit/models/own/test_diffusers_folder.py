"""With the library itself, where it is installed: it is an extra, and takes seconds to import."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models.own.diffusers_folder import read_diffusers
from lds_mlflow.models.own.pair import ExportedPair

SHAPE = (3, 16, 16)
BLOCKS: dict[str, Any] = {
    "block_out_channels": (8,),
    "down_block_types": ("DownEncoderBlock2D",),
    "up_block_types": ("UpDecoderBlock2D",),
    "norm_num_groups": 4,
    "layers_per_block": 1,
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AutoencoderKL": {**BLOCKS, "scaling_factor": 0.5, "shift_factor": 0.25},
    "VQModel": {**BLOCKS, "num_vq_embeddings": 8, "scaling_factor": 1.0},
    "AutoencoderTiny": {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_autoencoder_of_diffusers_is_a_pair_that_needs_no_diffusers(name: str, tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    network = getattr(diffusers, name)(**ARGUMENTS[name]).eval()
    network.save_pretrained(tmp_path)
    pair = ExportedPair(read_diffusers(tmp_path, SHAPE))
    x = torch.rand(70, *SHAPE) * 2 - 1
    with torch.inference_mode():
        found = network.encode(x)
        latents = found.latents if name != "AutoencoderKL" else (found.latent_dist.mean - 0.25) * 0.5
        torch.testing.assert_close(pair.encode(x).mean, latents, atol=1e-4, rtol=1e-4)
        assert (pair.encode(x).log_variance is not None) == (name == "AutoencoderKL")
        z = latents if name != "AutoencoderKL" else latents / 0.5 + 0.25
        decoded = torch.cat([network.decode(some).sample for some in z.split(10)])
        torch.testing.assert_close(pair.decode(latents), decoded, atol=1e-4, rtol=1e-4)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    diffusers.AutoencoderTiny(**ARGUMENTS["AutoencoderTiny"]).save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(ArtifactError, match="the weights in"):
        read_diffusers(tmp_path, SHAPE)


def test_images_that_the_model_does_not_take_are_named(tmp_path: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    diffusers.AutoencoderTiny(**ARGUMENTS["AutoencoderTiny"]).save_pretrained(tmp_path)
    with pytest.raises(ArtifactError, match=r"for examples \[1, 16, 16\]"):
        read_diffusers(tmp_path, (1, 16, 16))


@pytest.mark.parametrize("name", ["UNet2DModel", "antigravity", None])
def test_another_class_is_refused(name: str | None, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": name}))
    with pytest.raises(ArtifactError, match="one of AutoencoderKL"):
        read_diffusers(tmp_path, SHAPE)


@pytest.mark.parametrize("content", [b'{"x": ', b"[]", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_damaged_description_is_an_error_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"config\.json: .*expected a JSON object"):
        read_diffusers(tmp_path, SHAPE)


@pytest.mark.parametrize("change", [{"scaling_factor": "abc"}, {"block_out_channels": 3}, {"norm_num_groups": 0}])
def test_a_description_of_an_impossible_network_is_an_error_in_a_sentence(
    change: dict[str, object], tmp_path: Path
) -> None:
    diffusers = pytest.importorskip("diffusers")
    diffusers.AutoencoderKL(**ARGUMENTS["AutoencoderKL"]).save_pretrained(tmp_path)
    said = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(said | change))
    with pytest.raises(ArtifactError, match="the weights in"):
        read_diffusers(tmp_path, SHAPE)


def test_without_the_package_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lds_mlflow.machine.packages.find_spec", lambda name: None)
    (tmp_path / "config.json").write_text('{"_class_name": "VQModel"}')
    with pytest.raises(ConfigError, match=r"uv pip install .* diffusers"):
        read_diffusers(tmp_path, SHAPE)
