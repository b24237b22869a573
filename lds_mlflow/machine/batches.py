"""Rows in batches: what is computed of many rows streams, shows its progress, and is shared among processes.

Memory beyond the results doesn't grow with the rows, which may lie in a file that is mapped into memory.
"""

import copy
from collections.abc import Callable
from itertools import islice

import torch
from torch import Tensor, nn
from tqdm import tqdm

from lds_mlflow.machine.ranks import ALONE, Ranks

__all__ = ["in_batches"]

Compute = Callable[[Tensor], Tensor]


@torch.inference_mode()
def in_batches(compute: Compute, rows_N: Tensor, size: int, description: str, *, ranks: Ranks = ALONE) -> Tensor:
    """Computes something of every row, a batch at a time.

    Args:
        compute: Maps a batch, [B, ...], on the CPU, to as many results, [B, ...]; what a result is of depends on its
            batch alone.
        rows_N: The rows, [N, ...].
        size: Rows of a batch.
        description: The label of the progress bar, which what takes long shows.
        ranks: The processes that share the batches; then compute is a module, which can be copied to them.

    Returns:
        The results, [N, ...], on the CPU.
    """
    batches = rows_N.split(size)
    if ranks.size > 1:
        assert isinstance(compute, nn.Module)
        ranks.order(_follow, copy.deepcopy(compute).cpu())
    found: Tensor | None = None
    done, waiting = 0, iter(batches)
    with tqdm(total=len(rows_N), desc=description, unit="row", leave=False, delay=1) as bar:
        while ranks.agreed(done < len(batches)):
            some = list(islice(waiting, ranks.size))
            for result in ranks.spread(some, lambda batch: compute(batch).cpu()):
                if found is None:
                    found = result.new_empty(len(rows_N), *result.shape[1:])
                found[done * size : done * size + len(result)] = result
                done += 1
                bar.update(len(result))
    return compute(rows_N).cpu() if found is None else found


@torch.inference_mode()
def _follow(ranks: Ranks, compute: nn.Module) -> None:
    """Computes the batches that the leader hands out until it says that there are no more."""
    compute = compute.to(ranks.device)
    while ranks.agreed(False):
        ranks.spread([], lambda batch: compute(batch).cpu())
