"""Several processes that compute as one, as torchrun starts them: the first leads, and the others follow.

The leader runs the whole command, and alone knows the data, the disk and the tracking store. What it wants computed
together it orders; the followers wait for orders. So a follower needs no shared disk, and holds no data.

Small things and orders travel by gloo from memory to memory, gradients by NCCL where the processes have GPUs.
"""

import gc
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from lds_mlflow.errors import ConfigError, WorkerError

__all__ = ["ALONE", "Ranks", "device_of", "follow", "lead"]

# A process that ends is noticed by torchrun, which ends the others; a follower waits as long as the leader reads data.
_PATIENCE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that compute as one.

    Attributes:
        rank: This one's number.
        size: How many there are.
        device: Where this one computes.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        """Whether this process is the first."""
        return self.rank == 0

    def order(self, work: Callable[..., object], *arguments: Any) -> None:
        """Has the followers call a function of a module, with these processes and copies of the arguments."""
        if self.size > 1:
            dist.broadcast_object_list([(work, arguments)], src=0)

    def dismiss(self) -> None:
        """Lets the followers end."""
        if self.size > 1:
            dist.broadcast_object_list([None], src=0)
            _part()

    def share(self, whole: Tensor | None, like: Tensor) -> Tensor:
        """Returns this process's share of the leader's rows; `like` gives the shape, type and device of one share."""
        if self.size == 1:
            assert whole is not None
            return whole
        own = torch.empty_like(like)
        parts = None if whole is None else [part.contiguous() for part in whole.chunk(self.size)]
        dist.scatter(own, parts, src=0)
        return own

    def mean(self, figures: Tensor) -> Tensor:
        """Returns the mean of figures over all processes."""
        if self.size == 1:
            return figures
        total = figures.clone()
        dist.all_reduce(total)
        return total / self.size

    def all_rows(self, rows: Tensor) -> Tensor:
        """Returns the rows of all processes, which have equally many, in order."""
        if self.size == 1:
            return rows
        parts = [torch.empty_like(rows) for _ in range(self.size)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    def average_(self, gradients: Tensor) -> None:
        """Sets gradients to their mean over all processes."""
        if self.size > 1:
            dist.all_reduce(gradients)
            gradients /= self.size

    def agreed(self, said: float) -> float:
        """Returns the number that the leader says."""
        if self.size == 1:
            return said
        word = torch.tensor([said], dtype=torch.float64)
        dist.broadcast(word, src=0)
        return word.item()

    def gathered(self, own: Any) -> list[Any]:
        """Returns what each process has, in order, to the leader; to a follower nothing."""
        if self.size == 1:
            return [own]
        found: list[Any] | None = [None] * self.size if self.leads else None
        dist.gather_object(own, found, dst=0)
        return found or []

    def spread(self, parts: Sequence[Any], compute: Callable[[Any], Any]) -> list[Any]:
        """Computes one part a process, and returns the results to the leader, in order.

        Args:
            parts: At most as many as there are processes; the leader's, others' are ignored.
            compute: What to do with a part.
        """
        if self.size == 1:
            return [compute(part) for part in parts]
        own: list[Any] = [None]
        filled = [*parts, *[None] * (self.size - len(parts))] if self.leads else None
        dist.scatter_object_list(own, filled, src=0)
        return self.gathered(None if own[0] is None else compute(own[0]))[: len(parts)]


ALONE = Ranks()
"""One process by itself."""


def device_of(wanted: str) -> str:
    """Returns the device of this process; under torchrun each process gets the GPU of its local rank.

    Args:
        wanted: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N".

    Raises:
        ConfigError: A GPU is wanted, but there is none.
    """
    has_gpu = torch.cuda.is_available()
    if wanted == "cpu" or (wanted == "auto" and not has_gpu):
        return "cpu"
    if not has_gpu:
        raise ConfigError(
            "device",
            found=f"{wanted}, but torch can use no GPU on this machine",
            expected="cpu or auto",
            remedy="Give device=cpu.",
        )
    if "LOCAL_RANK" in os.environ:
        return f"cuda:{os.environ['LOCAL_RANK']}"
    return "cuda" if wanted == "auto" else wanted


def lead(device: str) -> Ranks:
    """Joins the group of processes that torchrun has started, if this process was started by torchrun.

    Args:
        device: "cpu" or a GPU.

    Returns:
        The group of processes, or ALONE without torchrun.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        # Imported later, it keeps the group, and with it threads that abort a Python that ends.
        import_module("torch._dynamo")
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=_PATIENCE)
    return Ranks(dist.get_rank(), size, device)


def follow(ranks: Ranks) -> None:
    """Does the work that the leading process orders, until the leader dismisses this process.

    Signals to stop are ignored: the leader receives them too, and ends the work where it can be continued later.

    Raises:
        WorkerError: The leader has ended without dismissing this process.
    """
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    while True:
        order = _next_order()
        if order is None:
            break
        work, arguments = order
        work(ranks, *arguments)
    _part()


def _next_order() -> tuple[Callable[..., object], tuple[Any, ...]] | None:
    received: list[Any] = [None]
    try:
        dist.broadcast_object_list(received, src=0)
    except RuntimeError as error:
        raise WorkerError(
            "the leading process",
            found="that it has ended before its command was finished",
            expected="that it runs until the command is finished",
            remedy="See the output of that process for the reason.",
        ) from error
    order: tuple[Callable[..., object], tuple[Any, ...]] | None = received[0]
    return order


def _part() -> None:
    # Who leaves first closes the connections that others may still read from.
    dist.barrier()
    # What still holds the group would keep its threads alive.
    gc.collect()
    dist.destroy_process_group()
