"""torch.compile where it pays, and the same without it where no compiler can be found."""

from typing import Any, Literal

import torch
from torch import nn
from tqdm import tqdm

__all__ = ["Compilation", "Compiled"]

Compilation = Literal["auto", "true", "false"]

_PROGRAMS = 256
"""How many programs a process may make of one class of modules: by torch's own limit of 8, later fits of a search or of
an ablation, which have other settings, would run without one."""


class Compiled:
    """A module that is compiled if wanted and possible.

    Args:
        module: The module.
        wanted: Whether to compile it; "auto" does on a GPU.
        device: Where it computes.
    """

    def __init__(self, module: nn.Module, wanted: Compilation, device: torch.device) -> None:
        self._module = module
        on = device.type == "cuda" if wanted == "auto" else wanted == "true"
        if on:
            torch._dynamo.config.recompile_limit = _PROGRAMS
        self._compiled = torch.compile(module, dynamic=False) if on else None
        self._is_tried = False

    def __call__(self, *arguments: object) -> Any:
        """Returns what the module returns."""
        if self._compiled is None:
            return self._module(*arguments)
        if self._is_tried:
            return self._compiled(*arguments)
        return self._first_time(*arguments)

    def _first_time(self, *arguments: object) -> Any:
        assert self._compiled is not None
        try:
            found = self._compiled(*arguments)
        except RuntimeError as error:
            # Whatever is not the compiler's fault comes up again.
            found = self._module(*arguments)
            self._compiled = None
            reason = str(error).strip().partition("\n")[0]
            tqdm.write(f"The step runs without torch.compile, which can't compile it here: {reason}")
        self._is_tried = True
        return found
