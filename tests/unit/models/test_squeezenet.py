from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.squeezenet import load_squeezenet


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_squeezenet_has_the_weights_of_the_file_as_float32(tmp_path: Path, suffix: str) -> None:
    state = {name: tensor.half() for name, tensor in squeezenet1_0().state_dict().items()}
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    model, digest = load_squeezenet(path, "None.")
    assert not model.training
    assert len(digest) == 64
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, state[name].float()), name


@pytest.mark.parametrize("content", [None, b"", b"not weights"])
def test_a_file_without_squeezenet_is_refused_with_the_remedy(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.pth"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        load_squeezenet(path, "Give another file.")
    assert caught.value.what == "SqueezeNet weights"
    assert str(path) in caught.value.found
    assert caught.value.remedy == "Give another file."
