"""Opens a program: an exported one (.pt2) or TorchScript, told apart by what is in the file."""

import io
import os
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import nn
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from lds_mlflow.models.programs.archives import written_anew
from lds_mlflow.models.programs.graphs import require_graph
from lds_mlflow.models.programs.scripts import require_computation

__all__ = ["Program", "open_program"]

_TENSORS_ALONE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_EXPORTED = "archive_format"


class Program(NamedTuple):
    """A program that maps rows to rows.

    Attributes:
        module: The program, on its device.
        rows: The fewest and the most rows that it says it takes, or None where it says nothing; the most is None where
            there is no limit.
    """

    module: nn.Module
    rows: tuple[int, int | None] | None


def open_program(content: bytes, device: torch.device | str = "cpu") -> Program:
    """Opens a program. Nothing is unpickled, and nothing is executed but torch's operators on tensors.

    Args:
        content: The content of a file that torch.export.save or torch.jit.save has written.
        device: Where to compute.

    Raises:
        ValueError: It does more than compute, holds objects other than tensors, is neither, or has records of the same
            name; see `graphs`, `scripts` and `archives`.
        zipfile.BadZipFile: It is no archive.
        RuntimeError: torch can't open it.
    """
    content = written_anew(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        is_exported = any(name.partition("/")[2] == _EXPORTED for name in archive.namelist())
    return _exported(content, device) if is_exported else _torchscript(content, device)


def _torchscript(content: bytes, device: torch.device | str) -> Program:
    require_computation(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; the programs that there are remain.
        return Program(torch.jit.load(io.BytesIO(content), map_location=device).eval(), None)


def _exported(content: bytes, device: torch.device | str) -> Program:
    require_graph(content)
    with _tensors_alone():
        program = torch.export.load(io.BytesIO(content))
    return Program(move_to_device_pass(program, device).module(), _rows_of(program))


@contextmanager
def _tensors_alone() -> Iterator[None]:
    # torch.export.load unpickles whatever it finds; torch.load heeds this variable above what its caller asks for.
    before = os.environ.get(_TENSORS_ALONE)
    os.environ[_TENSORS_ALONE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TENSORS_ALONE]
        else:
            os.environ[_TENSORS_ALONE] = before


def _rows_of(program: ExportedProgram) -> tuple[int, int | None]:
    """Returns the fewest and the most rows of the first input; no number is the most where there is no limit."""
    inputs = program.graph_signature.user_inputs
    first = next(node for node in program.graph.find_nodes(op="placeholder") if node.name in inputs)
    size: int | torch.SymInt = first.meta["val"].shape[0]
    if isinstance(size, int):
        return size, size
    bounds = program.range_constraints[size.node.expr]
    return max(int(bounds.lower), 1), int(bounds.upper) if bounds.upper.is_Integer else None
