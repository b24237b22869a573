from hashlib import sha256

import pytest
import torch
from torch import Tensor

from lds_mlflow.data import digests_of_rows
from lds_mlflow.values import content_of


def _sha256(content: memoryview) -> str:
    return sha256(content).hexdigest()


def _one_by_one(rows_N: Tensor) -> list[str]:
    return [_sha256(content_of(row)[1]) for row in rows_N]


def _noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (130, 1, 8, 8), (70, 1, 256, 256)], ids=["one", "small", "large"])
def test_every_row_has_the_digest_that_it_has_alone(shape: tuple[int, ...]) -> None:
    rows = _noise(*shape)
    assert digests_of_rows(_sha256, rows) == _one_by_one(rows)


def test_rows_that_are_not_contiguous_have_the_digests_of_their_numbers() -> None:
    rows = _noise(70, 8, 8, 3).permute(0, 3, 1, 2)
    assert digests_of_rows(_sha256, rows) == _one_by_one(rows.contiguous())


def test_rows_of_fractions_are_told_apart() -> None:
    assert len(set(digests_of_rows(_sha256, torch.arange(100.0)[:, None]))) == 100


def test_no_rows_have_no_digests() -> None:
    assert digests_of_rows(_sha256, torch.empty(0, 3, 8, 8)) == []


def test_what_fails_in_a_thread_is_raised() -> None:
    def failing(content: memoryview) -> str:
        raise ValueError(f"{content.nbytes} bytes")

    with pytest.raises(ValueError, match="65536 bytes"):
        digests_of_rows(failing, _noise(3, 1, 256, 256))
