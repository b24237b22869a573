import io
import zipfile

import pytest
import torch
from torch import nn

from lds_mlflow.models.programs import open_program, program_of
from tests.own import DecoderNetwork, changed_graph, programs, rewritten, scripted
from tests.unit.models.programs.test_graphs import HOSTILE


def test_a_program_computes_what_its_network_does() -> None:
    z = torch.randn(5, 64)
    for content in (programs()[1], scripted(DecoderNetwork())):
        torch.testing.assert_close(open_program(content).module(z), DecoderNetwork()(z))


def test_an_exported_program_says_how_many_rows_it_takes() -> None:
    assert open_program(programs()[1]).rows == (2, None)
    assert open_program(scripted(DecoderNetwork())).rows is None
    fixed = torch.export.export(DecoderNetwork(), (torch.zeros(3, 64),))
    assert open_program(_saved(fixed)).rows == (3, 3)


class _Limited(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous() if x.shape[0] >= 64 else x * 2


def test_a_limit_that_a_network_s_code_has_is_found() -> None:
    assert open_program(program_of(_Limited(), torch.zeros(4), strict=False)).rows == (2, 63)


def _saved(program: torch.export.ExportedProgram) -> bytes:
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    return buffer.getvalue()


def test_a_hostile_program_is_refused_before_torch_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.export, "load", lambda _: pytest.fail("torch has read it"))
    for change in HOSTILE.values():
        with pytest.raises(ValueError, match="something other than a graph"):
            open_program(changed_graph(programs()[1], change))


@pytest.mark.parametrize("content", [programs()[1], scripted(DecoderNetwork())], ids=["graph", "script"])
def test_records_of_the_same_name_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="records of the same name"):
        open_program(rewritten(content, {"BYTEORDER": lambda _: b"little"}))


def test_what_is_checked_is_what_torch_opens() -> None:
    """torch takes the list of records whose offset stands at the end of an archive, Python the one before the end."""
    harmless = rewritten(scripted(DecoderNetwork()), {})
    other = rewritten(harmless, {"tests/own.py": lambda code: code.replace(b"1, 8, 8", b"8, 8, 1")})
    assert len(other) == len(harmless)
    z = torch.randn(2, 64)
    torch.testing.assert_close(open_program(other[:-22] + harmless).module(z), DecoderNetwork()(z))


def test_a_file_that_is_no_archive_is_refused() -> None:
    with pytest.raises(zipfile.BadZipFile):
        open_program(b"\x80\x04pickled")
