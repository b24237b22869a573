import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.rows import RowsProgram
from lds_mlflow.models.programs import Program


class Counting(nn.Module):
    """Doubles rows, and counts how many it is given each time; it fails where a function says so."""

    def __init__(self, least: int = 1, most: int = 10**6) -> None:
        super().__init__()
        self.least, self.most, self.given = least, most, list[int]()

    def forward(self, x: Tensor) -> Tensor:
        if not self.least <= len(x) <= self.most:
            raise RuntimeError(f"{len(x)} rows")
        self.given.append(len(x))
        return 2 * x


ROWS = torch.arange(10.0)[:, None]


def test_a_program_of_a_fixed_batch_is_filled_and_called_in_chunks() -> None:
    network = Counting(4, 4)
    found = RowsProgram(Program(network, (4, 4)), torch.zeros(1), "the decoder")
    assert found.is_fixed
    assert torch.equal(found(ROWS)[0], 2 * ROWS)
    assert network.given == [4, 4, 4]


def test_a_program_of_at_most_a_number_of_rows_is_called_in_chunks() -> None:
    network = Counting(2, 7)
    found = RowsProgram(Program(network, (2, 7)), torch.zeros(1), "the decoder")
    assert torch.equal(found(ROWS)[0], 2 * ROWS)
    assert torch.equal(found(ROWS[:1])[0], 2 * ROWS[:1])
    assert network.given == [7, 3, 2]


@pytest.mark.parametrize(("network", "least", "most"), [(Counting(), 1, None), (Counting(8, 8), 8, 8)])
def test_a_program_that_says_nothing_of_its_rows_is_tried_out(network: Counting, least: int, most: int | None) -> None:
    found = RowsProgram(Program(network, None), torch.zeros(1), "the decoder")
    assert (found.least, found.most) == (least, most)
    assert torch.equal(found(ROWS)[0], 2 * ROWS)


def test_a_program_that_fails_for_all_numbers_of_rows_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"rows \[3, 1\] the error: 3 rows"):
        RowsProgram(Program(Counting(5, 5), None), torch.zeros(1), "the decoder")


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(0, keepdim=True)


class _Text(nn.Module):
    def forward(self, x: Tensor) -> str:
        return "x"


class _Nothing(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return ()


@pytest.mark.parametrize(
    ("network", "found"),
    [(_Mean(), r"\[1, 1\]"), (_Text(), "a str"), (_Nothing(), "nothing for rows"), (Counting(50), "10 rows")],
)
def test_what_is_no_row_for_each_row_is_refused(network: nn.Module, found: str) -> None:
    program = RowsProgram(Program(network, (1, None)), torch.zeros(1), "the decoder")
    with pytest.raises(ArtifactError, match=found):
        program(ROWS)
