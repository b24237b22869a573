from typing import Any

import pytest
import torch
from torch import Tensor

from lds_mlflow.machine.batches import in_batches, rows_at_once


def _doubled(batch: Tensor) -> Tensor:
    return 2 * batch


@pytest.mark.parametrize("n", [0, 1, 4, 5, 8, 9])
def test_batches_give_what_the_whole_does(n: int) -> None:
    rows = torch.randn(n, 3)
    assert torch.equal(in_batches(_doubled, rows, 4, "doubling"), 2 * rows)


def test_no_batch_is_larger_than_asked() -> None:
    sizes: list[int] = []

    def watched(batch: Tensor) -> Tensor:
        sizes.append(len(batch))
        return batch.sum(1)

    assert in_batches(watched, torch.ones(10, 3), 4, "summing").tolist() == [3.0] * 10
    assert sizes == [4, 4, 2]


def test_the_results_may_have_another_type_and_shape() -> None:
    found = in_batches(lambda batch: (batch > 0)[:, :, None].repeat(1, 1, 2), torch.ones(5, 3), 2, "comparing")
    assert (found.dtype, found.shape) == (torch.bool, (5, 3, 2))


def test_a_gpu_takes_more_rows_at_once_than_a_cpu_and_never_fewer() -> None:
    assert rows_at_once("cpu", 4) == rows_at_once(torch.device("cpu"), 4) == 4
    assert rows_at_once("cuda", 4) == rows_at_once(torch.device("cuda:1"), 4) == 256
    assert rows_at_once("cuda", 1000) == 1000


def test_the_next_batch_is_begun_before_a_result_is_waited_for() -> None:
    """A result that stands for one on a GPU: it says when it is asked for."""
    events: list[str] = []

    class Begun(Tensor):
        def cpu(self, *args: Any, **kwargs: Any) -> Tensor:
            events.append("waited for")
            return self.as_subclass(Tensor)

    def begin(batch: Tensor) -> Tensor:
        events.append("begun")
        return batch.as_subclass(Begun)

    assert torch.equal(in_batches(begin, torch.arange(5), 2, "beginning"), torch.arange(5))
    assert events == ["begun", "begun", "waited for", "begun", "waited for", "waited for"]
