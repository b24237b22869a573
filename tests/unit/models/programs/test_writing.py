import io

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.models.programs import program_of


@pytest.mark.parametrize("n", [1, 2, 9])
def test_a_network_is_written_for_any_number_of_rows(n: int) -> None:
    network = nn.Conv2d(1, 2, 3).to(memory_format=torch.channels_last)
    program = torch.export.load(io.BytesIO(program_of(network, torch.zeros(1, 5, 5), strict=False)))
    x = torch.randn(n, 1, 5, 5)
    torch.testing.assert_close(program.module()(x), network(x))


class _Half(nn.Module):
    """Uses one of its two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused = nn.BatchNorm1d(3), nn.BatchNorm1d(5)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.used(x)
        return y


@pytest.mark.parametrize("strict", [False, True])
def test_weights_that_nothing_uses_are_left_out(strict: bool) -> None:
    network = _Half().eval()
    program = torch.export.load(io.BytesIO(program_of(network, torch.zeros(3), strict=strict)))
    assert set(program.state_dict) == {f"used.{name}" for name in ("weight", "bias", "running_mean", "running_var")}
    x = torch.randn(4, 3)
    torch.testing.assert_close(program.module()(x), network(x))


class _Deciding(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_a_network_that_no_graph_can_follow_is_an_error() -> None:
    with pytest.raises(RuntimeError):
        program_of(_Deciding(), torch.zeros(3), strict=False)
