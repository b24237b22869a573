"""The lines by which docs/how-to/own-model.md writes a folder of one's own networks."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from lds_mlflow.models.own import ExportedPair, read_generator

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "own-model.md"
SHAPE = (3, 64, 64)


def test_they_write_a_folder_that_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lines, *_) = re.findall(
        r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    encoder = nn.Sequential(nn.AvgPool2d(16), nn.Flatten(), nn.Linear(48, 512))
    decoder = nn.Sequential(nn.Linear(512, 48), nn.Unflatten(1, (3, 4, 4)), nn.Upsample(scale_factor=16))
    monkeypatch.chdir(tmp_path)
    exec(lines, {"encoder": encoder, "decoder": decoder})
    pair = ExportedPair(read_generator([tmp_path / "generator"], SHAPE))
    x = torch.rand(5, *SHAPE)
    with torch.inference_mode():
        torch.testing.assert_close(pair.decode(pair.encode(x).mean), decoder(encoder(x)))
    assert pair.facts.name == "faces"
