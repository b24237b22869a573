"""Rows in batches: what is computed of many rows streams, shows its progress, and is shared among processes.

Memory beyond the results doesn't grow with the rows, which may lie in a file that is mapped into memory. A GPU doesn't
wait for copies: while it computes one batch, the results of the last one and the rows of the next one travel.
"""

import copy
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from lds_mlflow.machine.progress import progress_bar
from lds_mlflow.machine.ranks import ALONE, Ranks

__all__ = ["in_batches", "rows_at_once"]

_FEWEST_ON_A_GPU = 256

Compute = Callable[[Tensor], Tensor]


def rows_at_once(device: torch.device | str, on_a_cpu: int) -> int:
    """Returns how many rows a device computes at once: on a CPU as many as are given, on a GPU at least 256."""
    return on_a_cpu if torch.device(device).type == "cpu" else max(on_a_cpu, _FEWEST_ON_A_GPU)


@torch.inference_mode()
def in_batches(
    compute: Compute,
    rows_N: Tensor,
    size: int,
    description: str,
    *,
    device: torch.device | str = "cpu",
    ranks: Ranks = ALONE,
) -> Tensor:
    """Computes something of every row, a batch at a time.

    Args:
        compute: Maps a batch, [B, ...], on the device, to as many results, [B, ...]; what a result is of depends on its
            batch alone.
        rows_N: The rows, [N, ...].
        size: Rows of a batch on a CPU; `rows_at_once` says how many a GPU takes.
        description: The label of the progress bar, which what takes long shows.
        device: Where this process computes.
        ranks: The processes that share the batches; then compute is a module, which can be copied to them.

    Returns:
        The results, [N, ...], on the CPU.
    """
    if ranks.size > 1:
        assert isinstance(compute, nn.Module)
        ranks.order(_follow, copy.deepcopy(compute).cpu())
    found, done = torch.empty(0), 0
    batches = rows_N.split(rows_at_once(device, size))
    with progress_bar(len(rows_N), description, unit="row", delay=1, leave=False) as bar:
        for result in _alone(compute, batches, device) if ranks.size == 1 else _shared(compute, batches, device, ranks):
            if not done:
                found = result.new_empty(len(rows_N), *result.shape[1:])
            found[done : done + len(result)] = result
            done += len(result)
            bar.update(len(result))
    return found


def _alone(compute: Compute, batches: Iterable[Tensor], device: torch.device | str) -> Iterator[Tensor]:
    """Yields the results on the CPU, each after the next batch has been handed to the device."""
    last: Callable[[], Tensor] | None = None
    for batch in batches:
        begun = _on_its_way(compute(_moved(batch, device)))
        if last is not None:
            yield last()
        last = begun
    if last is not None:
        yield last()


def _shared(
    compute: Compute, batches: tuple[Tensor, ...], device: torch.device | str, ranks: Ranks
) -> Iterator[Tensor]:
    """Yields the results on the CPU, of as many batches at once as there are processes."""
    done, waiting = 0, iter(batches)
    while ranks.agreed(done < len(batches)):
        some = list(islice(waiting, ranks.size))
        yield from ranks.spread(some, lambda batch: compute(_moved(batch, device)).cpu())
        done += len(some)


def _moved(batch: Tensor, device: torch.device | str) -> Tensor:
    if batch.device.type == "cpu" and torch.device(device).type == "cuda":
        # Only from pinned memory a copy goes on by itself.
        return batch.pin_memory().to(device, non_blocking=True)
    return batch.to(device)


def _on_its_way(result: Tensor) -> Callable[[], Tensor]:
    """Begins to copy a result to the CPU, and returns what waits until it is there."""
    if result.device.type != "cuda":
        return result.cpu
    arriving = result.to("cpu", non_blocking=True)
    event = torch.cuda.current_stream(result.device).record_event()

    def arrived() -> Tensor:
        event.synchronize()
        return arriving

    return arrived


@torch.inference_mode()
def _follow(ranks: Ranks, compute: nn.Module) -> None:
    """Computes the batches that the leader hands out until it says that there are no more."""
    compute = compute.to(ranks.device)
    while ranks.agreed(False):
        ranks.spread([], lambda batch: compute(_moved(batch, ranks.device)).cpu())
