"""The whole pipeline on real images of other kinds than the embedded ones, where they are at hand."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.conftest import MakePipeline
from tests.places import SHARED

pytestmark = pytest.mark.end_to_end

FACES = SHARED / "data" / "fairface64.zip"
FASHION = SHARED / "data" / "FashionMNIST"


def _some_faces(path: Path) -> None:
    """Writes a zip of some of the faces, with their rows of labels.csv."""
    with zipfile.ZipFile(FACES) as faces, zipfile.ZipFile(path, "w") as some:
        table = pd.read_csv(faces.open("labels.csv"))
        kept = pd.concat([table[table["split"] == part].head(n) for part, n in (("train", 300), ("test", 100))])
        some.writestr("labels.csv", kept.to_csv(index=False))
        for name in kept["file"]:
            some.writestr(name, faces.read(name))


def _faces(path: Path) -> Tensor:
    """Returns the faces of a zip, float32 [N, 3, 64, 64] in -1..1."""
    with zipfile.ZipFile(path) as faces:
        names = [name for name in faces.namelist() if name.startswith("train/")]
        images = [np.array(Image.open(faces.open(name)).convert("RGB")) for name in names]
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 127.5 - 1


def _train(network: Any, x: Tensor, steps: int) -> None:
    """Trains an autoencoder of diffusers by its evidence lower bound."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (8,), generator=generator)]
        posterior = network.encode(batch).latent_dist
        decoded = network.decode(posterior.sample(generator)).sample
        loss = (decoded - batch).square().mean() + 1e-6 * posterior.kl().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.skipif(not FACES.is_file(), reason="fairface64.zip is not at hand")
def test_a_trained_autoencoder_of_diffusers_on_faces_with_a_gender_column_and_a_declared_test_part(
    make_pipeline: MakePipeline, said: list[str], tmp_path: Path
) -> None:
    diffusers = pytest.importorskip("diffusers")
    _some_faces(tmp_path / "faces.zip")
    torch.manual_seed(0)
    network = diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        mid_block_add_attention=False,
    )
    _train(network, _faces(tmp_path / "faces.zip"), steps=40)
    network.save_pretrained(tmp_path / "vae")
    changes: dict[str, Any] = {"data": str(tmp_path / "faces.zip"), "label": "gender", "limit": 160}
    changes["model"] = str(tmp_path / "vae")
    make_pipeline("main", registered_model="none", samples=40, **changes).main()
    found = "\n".join(said)
    assert "64x64x3, 2 classes (" in found
    assert "4x32x32, which are 4,096 numbers: score them with latent_space=pca" in found
    assert "has the lowest FID" in found
    made = make_pipeline("augment", latent_space="pca", **changes).run("augment")
    assert 1 < made.figures["log_lds/dimensions"] < 100
    assert made.figures["images_of_A"] > 0


@pytest.mark.skipif(not FASHION.is_dir(), reason="FashionMNIST is not at hand")
def test_a_torchvision_set_brought_to_32_pixels(make_pipeline: MakePipeline, said: list[str]) -> None:
    changes: dict[str, Any] = {"data": f"torchvision:FashionMNIST:{SHARED / 'data'}", "resolution": 32, "limit": 500}
    run = make_pipeline("train", **changes).run("train")
    assert run.figures["skipped_steps"] == 0
    assert any("32x32x1, 10 classes" in line for line in said)
