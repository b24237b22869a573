import io

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.models.programs.scripts import require_computation
from tests.own import DecoderNetwork, rewritten, scripted


class _Mapping(nn.Module):
    """Makes a file of the tensor that it returns."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_file("/tmp/never", shared=True, size=4) + x


class _Saving(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        torch.save(x, "/tmp/never")
        return x


@pytest.mark.parametrize(("network", "found"), [(_Mapping(), "from_file"), (_Saving(), "save")])
def test_a_program_that_writes_files_is_refused(network: nn.Module, found: str) -> None:
    with pytest.raises(ValueError, match=rf"more than compute \({found}\)"):
        require_computation(scripted(network))


@pytest.mark.parametrize(
    "code",
    [
        b"  ops.image.write_file(x)",
        b"  ops . quantized . linear(x)",
        b"  torch\\\n.save(x)",
        b"  x . save ('f')",
        b"  rpc_sync(x)",
        b"  q : __torch__.torch.classes.quantized.X",
    ],
)
def test_a_program_that_uses_other_libraries_is_refused_however_it_is_written(code: bytes) -> None:
    content = rewritten(scripted(DecoderNetwork()), {"code/__torch__/more.py": lambda _: code})
    with pytest.raises(ValueError, match="more than compute"):
        require_computation(content)


def test_an_object_of_a_class_of_a_library_is_refused() -> None:
    content = rewritten(scripted(DecoderNetwork()), {"/data.pkl": lambda old: old + b"torch.classes.x"})
    with pytest.raises(ValueError, match=r"torch\.classes"):
        require_computation(content)


def test_an_archive_without_code_is_no_program() -> None:
    buffer = io.BytesIO()
    torch.save(torch.zeros(1), buffer)
    with pytest.raises(ValueError, match="pickled weights"):
        require_computation(buffer.getvalue())


def test_a_network_only_computes() -> None:
    require_computation(scripted(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU())))
