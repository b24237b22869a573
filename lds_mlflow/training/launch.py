"""A training step as one launch: its kernels are captured once as a CUDA graph, and then replayed as a whole.

Otherwise the CPU takes longer to launch the kernels of a small network than a GPU takes to run them.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

__all__ = ["Launcher"]

_WARM_UPS = 3
"""Calls before the capture: they choose algorithms and make the optimizer's state."""

Work = Callable[..., Tensor]


class Launcher:
    """Calls a function of tensors, on a GPU as one launch.

    Args:
        work: Maps tensors on the device to one. It must not wait for the device, and tensors that it changes must stay
            where they are. Its inputs have the same shapes in each call.
        device: Where it computes.
        captures: Whether it may be captured where the device is a GPU.
    """

    def __init__(self, work: Work, device: torch.device, *, captures: bool) -> None:
        on_gpu = device.type == "cuda"
        self._work, self._captures = work, captures and on_gpu
        self._calls = 0
        self._inputs: list[Tensor] = []
        self._graph: torch.cuda.CUDAGraph | None = None
        self._output: Tensor | None = None
        self._stream = torch.cuda.Stream(device) if on_gpu else None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Returns work(*inputs). A later call may overwrite the result."""
        if self._stream is None:
            return self._work(*inputs)
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            output = self._launched(inputs)
        torch.cuda.current_stream().wait_stream(self._stream)
        return output

    def _launched(self, inputs: tuple[Tensor, ...]) -> Tensor:
        if self._captures and self._graph is None and self._calls >= _WARM_UPS:
            self._capture(inputs)
        self._calls += 1
        if self._graph is None:
            return self._work(*inputs)
        for own, given in zip(self._inputs, inputs, strict=True):
            own.copy_(given, non_blocking=True)
        self._graph.replay()
        assert self._output is not None
        return self._output

    def _capture(self, inputs: tuple[Tensor, ...]) -> None:
        self._inputs = [given.clone() for given in inputs]
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                self._output = self._work(*self._inputs)
        except RuntimeError as error:
            self._captures = False
            tqdm.write(f"The step can't be captured as one launch, and runs kernel by kernel: {_first_line(error)}")
        else:
            self._graph = graph


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
