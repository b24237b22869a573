"""Whether a step of training fits into memory, estimated before the first one is taken."""

import copy

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.memory import available_bytes
from lds_mlflow.models import Trainable
from lds_mlflow.training.task import FitTask

__all__ = ["kept_bytes", "require_room"]


def require_room(task: FitTask, n_processes: int) -> None:
    """Requires room for what the forward pass of a step keeps for its backward pass.

    This is less than a step takes in the end: a system that runs out of memory ends the process without a word, and a
    batch that may just fit is not refused.

    Args:
        task: What to fit, on what, and how.
        n_processes: The processes that share each batch.

    Raises:
        ConfigError: There is no room for the batch.
    """
    # A forward pass may leave something in a model.
    model, one = copy.deepcopy(task.model).train(), task.scale.to_model(task.examples_N[:1].to(task.model.device))
    with torch.autocast(one.device.type, torch.bfloat16, enabled=task.plan.precision == "bfloat16"):
        each = kept_bytes(model, torch.cat([one, one])) - kept_bytes(model, one)
    needed, free = each * task.plan.batch_size / n_processes, _free_bytes(task.model.device)
    if needed > free:
        raise ConfigError(
            "batch_size",
            found=f"{task.plan.batch_size:,} examples, whose step keeps at least {needed / 2**30:,.1f} GiB in memory",
            expected=f"a step that fits into the {free / 2**30:,.1f} GiB that are free",
            remedy=f"Give batch_size={max(int(free / each / 2) * n_processes, 1)} or less, or a smaller preset.",
        )


def kept_bytes(model: Trainable, x: Tensor) -> int:
    """Returns the bytes that the forward pass of a batch, as the model sees it, keeps for the backward pass."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, tuple[Tensor, int]] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            # Held, so that no later tensor gets its address.
            kept[storage.data_ptr()] = tensor, storage.nbytes()
        return tensor

    noise = torch.zeros(len(x), *model.latent_shape, device=x.device).flatten(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(x, noise)
    return sum(n_bytes for _, n_bytes in kept.values())


def _free_bytes(device: torch.device) -> int:
    if device.type != "cuda":
        return available_bytes()
    # torch keeps what it has freed.
    return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
