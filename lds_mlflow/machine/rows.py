"""Rows of tensors that need not fit in memory."""

from math import prod
from pathlib import Path
from tempfile import NamedTemporaryFile

import torch
from torch import Tensor

from lds_mlflow.machine.files import take_space

__all__ = ["rows_of"]

_IN_MEMORY = 2**30


def rows_of(examples_N: Tensor, index: Tensor) -> Tensor:
    """Returns examples[index]; what takes more than a GiB lies in a file without a name, which need not fit in memory.

    Args:
        examples_N: Examples, [N, ...].
        index: Rows, int64 [n].

    Raises:
        DiskFullError: There is no room for the file in the folder for temporary ones (TMPDIR).
    """
    shape = (len(index), *examples_N.shape[1:])
    n_bytes = prod(shape) * examples_N.element_size()
    if n_bytes <= _IN_MEMORY:
        return examples_N[index]
    with NamedTemporaryFile() as file:
        take_space(Path(file.name), n_bytes)
        rows = torch.from_file(file.name, shared=True, size=prod(shape), dtype=examples_N.dtype).view(shape)
    return torch.index_select(examples_N, 0, index, out=rows)
