"""Fails where Python asks for numbers that a device has yet to compute: on a GPU it would wait there.

A CPU runs the same expressions, so this is seen without a GPU, except for copies between devices.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["WaitError", "never_waiting"]

_OPERATIONS = frozenset(
    {"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "masked_select", "unique_dim", "_unique2", "allclose"}
)
_METHODS = frozenset({"item", "tolist", "numpy", "cpu", "__bool__", "__array__", "nonzero"})


class WaitError(Exception):
    """Something waits for the device."""


class _Calls(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _METHODS:
            raise WaitError(f"Tensor.{name}")
        return func(*args, **kwargs or {})


class _Operations(TorchDispatchMode):
    def __init__(self) -> None:
        TorchDispatchMode.__init__(self)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None) -> Any:
        name = func.overloadpacket.__name__
        if name in _OPERATIONS or (name.startswith(("index", "_index")) and _has_mask(args)):
            raise WaitError(f"aten::{name}")
        return func(*args, **kwargs or {})


def _has_mask(args: tuple[Any, ...]) -> bool:
    places = args[1] if len(args) > 1 and isinstance(args[1], list | tuple) else ()
    return any(isinstance(place, Tensor) and place.dtype in {torch.bool, torch.uint8} for place in places)


@contextmanager
def never_waiting() -> Iterator[None]:
    """Raises a WaitError inside this context where something asks for numbers of a tensor."""
    with _Calls(), _Operations():
        yield
