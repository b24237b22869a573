"""Where float32 is kept although a computation runs in bfloat16."""

import torch
from torch import Tensor

__all__ = ["in_float32"]


def in_float32(x: Tensor) -> torch.autocast:
    """Inside this context, nothing on the device of x is cast to a lower precision."""
    return torch.autocast(x.device.type, enabled=False)
