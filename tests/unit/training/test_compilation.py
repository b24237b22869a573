from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounter

from lds_mlflow.training.compilation import Compilation, Compiled

CPU, GPU = torch.device("cpu"), torch.device("cuda")


class Doubling(nn.Module):
    """Doubles numbers, and counts how often."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return 2 * x


class Broken(nn.Module):
    """Has an error of its own."""

    def forward(self, x: Tensor) -> Tensor:
        raise RuntimeError("shapes differ")


def _compiler(calls: list[str], work: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """Stands for torch.compile: returns the module, or what is given in its place."""

    def compiled(module: nn.Module, **options: Any) -> Callable[..., Any]:
        calls.append(type(module).__name__)
        return work or module

    return compiled


def _fails(*arguments: object) -> None:
    raise RuntimeError("no C++ compiler was found\nand more lines of it")


@pytest.mark.parametrize(
    ("wanted", "device", "is_compiled"),
    [
        ("auto", CPU, False),
        ("auto", GPU, True),
        ("true", CPU, True),
        ("true", GPU, True),
        ("false", CPU, False),
        ("false", GPU, False),
    ],
)
def test_a_module_is_compiled_where_it_is_wanted(
    wanted: Compilation, device: torch.device, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(torch, "compile", _compiler(calls))
    called = Compiled(Doubling(), wanted, device)
    assert [called(torch.tensor(3.0)).item() for _ in range(3)] == [6, 6, 6]
    assert calls == (["Doubling"] if is_compiled else [])


class Scaling(nn.Module):
    """Has a factor that is part of its program."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x


def test_a_process_compiles_more_fits_than_torch_would_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    counter = CompileCounter()
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=counter))
    # Torch's own limit is 8.
    monkeypatch.setattr(torch._dynamo.config, "recompile_limit", 8)
    torch._dynamo.reset()
    n = 10
    for number in range(n):
        compiled = Compiled(Scaling(number + 1.0), "true", CPU)
        assert [compiled(torch.ones(())).item() for _ in range(2)] == [number + 1] * 2
    assert counter.frame_count == n
    again = Compiled(Scaling(1.0), "true", CPU)
    assert again(torch.ones(())).item() == 1
    assert counter.frame_count == n


def test_a_module_that_can_not_be_compiled_runs_as_it_is_and_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "compile", _compiler([], _fails))
    module = Doubling()
    compiled = Compiled(module, "true", CPU)
    assert [compiled(torch.tensor(float(x))).item() for x in range(3)] == [0, 2, 4]
    assert module.calls == 3
    assert capsys.readouterr().out.splitlines() == [
        "The step runs without torch.compile, which can't compile it here: no C++ compiler was found"
    ]


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_an_error_of_the_module_itself_comes_up(
    wanted: Compilation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "compile", _compiler([]))
    compiled = Compiled(Broken(), wanted, CPU)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="shapes differ"):
            compiled(torch.zeros(()))
    assert capsys.readouterr().out == ""


def test_an_error_after_the_first_call_is_not_the_compiler_s(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([1.0])

    def once(x: Tensor) -> float:
        for answer in answers:
            return answer
        raise RuntimeError("out of memory")

    monkeypatch.setattr(torch, "compile", _compiler([], once))
    compiled = Compiled(Doubling(), "true", CPU)
    assert compiled(torch.zeros(())) == 1
    with pytest.raises(RuntimeError, match="out of memory"):
        compiled(torch.zeros(()))
