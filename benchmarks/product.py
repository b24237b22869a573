"""A square matrix product, whose speed is what a device can do, and what others are measured by."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["Product", "multiply_adds", "seconds_of"]


def seconds_of(work: Callable[[], object]) -> float:
    """Returns how long some work takes, on a GPU until it is done."""
    begin = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def multiply_adds(forward: Callable[[], object]) -> float:
    """Returns how many a forward pass takes.

    A backward pass takes twice as many: torch miscounts that of grouped convolutions.
    """
    with FlopCounterMode(display=False) as counter:
        forward()
    return float(counter.get_total_flops()) / 2


@dataclass(frozen=True, slots=True)
class Product:
    """A square matrix product.

    Attributes:
        side: Its side.
        a: A factor.
        b: Another.
        out: Where the product goes.
    """

    side: int
    a: Tensor
    b: Tensor
    out: Tensor

    @classmethod
    def of_side(cls, side: int, device: str, dtype: torch.dtype = torch.float32) -> "Product":
        """Returns one of random factors."""
        return cls(side, *torch.randn(3, side, side, device=device).to(dtype))

    @classmethod
    def fastest(cls, device: str, dtype: torch.dtype = torch.float32) -> "Product":
        """Returns the one of the side that a device multiplies fastest."""
        sides = (1024, 2048, 4096) if device == "cpu" else (1024, 2048, 4096, 8192)
        products = [cls.of_side(side, device, dtype) for side in sides]
        return max(products, key=lambda product: product.gflops(0.3))

    def gflops(self, seconds: float = 1.0) -> float:
        """Returns its speed over some seconds, in GFLOP/s."""
        self._multiply()
        spent, n = 0.0, 0
        while spent < seconds:
            spent, n = spent + seconds_of(self._multiply), n + 1
        return 2e-9 * self.side**3 * n / spent

    def _multiply(self) -> None:
        torch.mm(self.a, self.b, out=self.out)
