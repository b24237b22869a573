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
        b"  (torch.save # c\n   (x, 'f'))",
        b"  (ops # c\n   .prim.NumToTensor(1))",
        b"  y = torch.save",
        b"  getattr(torch, 'save')(x, 'f')",
        b"  getattr(torch, 'sa' 've')(x, 'f')",
        b"  (getattr(torch, 'sa'\n  've'))(x, 'f')",
        b"  getattr(torch, 'sa\\166e')(x, 'f')",
        b"  x = (1",
    ],
)
def test_a_program_that_uses_other_libraries_is_refused_however_it_is_written(code: bytes) -> None:
    content = rewritten(scripted(DecoderNetwork()), {"code/__torch__/more.py": lambda _: code})
    with pytest.raises(ValueError, match="more than compute"):
        require_computation(content)


@pytest.mark.parametrize("record", ["code/more.PY", "Code/more.py", "model.json", "bytecode.pkl", "code/m\xf6re.py"])
def test_a_record_that_torchscript_does_not_have_is_refused(record: str) -> None:
    with pytest.raises(ValueError, match="records that TorchScript doesn't have"):
        require_computation(rewritten(scripted(DecoderNetwork()), {record: lambda _: b"x = 1"}))


@pytest.mark.parametrize("name", [b"torch.classes.x", b"c__torch__.torch\nclasses.x.X\n"])
def test_an_object_of_a_class_of_a_library_is_refused(name: bytes) -> None:
    content = rewritten(scripted(DecoderNetwork()), {"/data.pkl": lambda old: old + name})
    with pytest.raises(ValueError, match="classes"):
        require_computation(content)


def test_an_archive_without_code_is_no_program() -> None:
    buffer = io.BytesIO()
    torch.save(torch.zeros(1), buffer)
    with pytest.raises(ValueError, match="pickled weights"):
        require_computation(buffer.getvalue())


class _Asserting(nn.Module):
    """Has parts whose names are numbers, and a text with escapes."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == 1, "it's\na colour"
        y: Tensor = self.parts(x)
        return y


def test_a_network_only_computes() -> None:
    require_computation(scripted(_Asserting()))
    require_computation(scripted(_Asserting().parts))
