"""Tensors from the CPU to a device without waiting for it."""

import torch
from torch import Tensor

__all__ = ["to_device"]


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Returns a tensor on a device; the copy takes its place among what the device has to do.

    A copy to a GPU from memory that the system may move makes the CPU wait until the GPU has done all that was asked of
    it before. So the tensor is copied to pinned memory first, which torch keeps until the GPU has read it.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
