import sys

import pytest
import torch

from lds_mlflow.machine.memory import forget_peak, peak_bytes

MIB = 2**20


def test_the_peak_is_of_what_was_held_even_where_it_is_no_longer() -> None:
    before = peak_bytes()
    forget_peak()
    held = peak_bytes()
    torch.ones(256 * MIB, dtype=torch.uint8)
    assert peak_bytes() >= max(held + 250 * MIB, before if sys.platform != "linux" else 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets")
def test_what_was_held_before_is_forgotten() -> None:
    torch.ones(256 * MIB, dtype=torch.uint8)
    before = peak_bytes()
    forget_peak()
    assert peak_bytes() < before - 200 * MIB
