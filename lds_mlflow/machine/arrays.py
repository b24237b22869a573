"""Arrays that people bring, as tensors: functions that take tensors take numpy arrays and half precision as well."""

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from lds_mlflow.errors import DataError

__all__ = ["taking_arrays", "tensor_of"]

P = ParamSpec("P")
R = TypeVar("R")

_SHAPE = re.compile(r".+_([A-Z][A-Z0-9k]*)$")
_INTEGERS = ("labels", "parents", "left_out", "cell", "true", "judged", "confusion")
_WHOLE_TYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
_FLOATS = (torch.float32, torch.float64)


def taking_arrays(function: Callable[P, R]) -> Callable[P, R]:
    """Lets a function take what people have for its tensors, which its parameters name by their shapes (`z_ND`).

    numpy arrays become tensors, half precision and integers become floats, and gradients are left behind. What the
    function would fail at (a list, another number of axes, complex numbers) is refused with a DataError.
    """
    signature = inspect.signature(function)
    tensors = [
        name
        for name, parameter in signature.parameters.items()
        if Tensor in (parameter.annotation, *get_args(parameter.annotation))
    ]
    shapes = {name: found[1] for name in tensors if (found := _SHAPE.match(name))}

    @wraps(function)
    def taking(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name in shapes.keys() & bound.arguments.keys():
            if bound.arguments[name] is not None:
                bound.arguments[name] = tensor_of(bound.arguments[name], name, shapes[name])
        return function(*bound.args, **bound.kwargs)

    return taking


def tensor_of(array: Any, name: str, shape: str) -> Tensor:
    """Returns an array as a tensor without a gradient: int64 where its name says so, else float32 or float64.

    Args:
        array: A tensor or a numpy array.
        name: What it is called.
        shape: One letter or digit for every axis.

    Raises:
        DataError: It is no array of numbers, or has another number of axes.
    """
    if isinstance(array, np.ndarray) and array.dtype.kind in "iufb":
        # A copy: torch can't read arrays of negative strides or foreign byte order, and warns of read-only ones.
        tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), order="C", copy=True))
    elif isinstance(array, Tensor) and not array.is_complex():
        tensor = array.detach() if array.requires_grad else array
    else:
        found = f"{array.dtype} numbers" if isinstance(array, np.ndarray | Tensor) else f"a {type(array).__name__}"
        raise _refusal(name, shape, found)
    if tensor.dim() != len(shape):
        raise _refusal(name, shape, f"an array of the shape {list(tensor.shape)}")
    if name.startswith(_INTEGERS):
        if tensor.dtype not in _WHOLE_TYPES:
            raise _refusal(name, shape, f"numbers of the type {tensor.dtype}", "integers")
        return tensor.long()
    if tensor.dtype in _FLOATS:
        return tensor
    return tensor.float() if tensor.is_floating_point() else tensor.double()


def _refusal(name: str, shape: str, found: str, numbers: str = "floating-point numbers") -> DataError:
    return DataError(
        name,
        found=found,
        expected=f"a tensor or numpy array of {numbers}, [{', '.join(shape)}]",
        remedy="Give one row for every example, in an array of that shape.",
    )
