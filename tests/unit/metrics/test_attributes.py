from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.metrics import class_shares, share_gap, wilson_interval

labels = st.lists(st.integers(0, 4), min_size=1, max_size=40).map(torch.tensor)
laws = settings(max_examples=30, deadline=None)


def test_shares_count_every_class_also_the_one_that_is_missing() -> None:
    shares = class_shares(torch.tensor([0, 0, 2, 0]), 4)
    assert shares.tolist() == [0.75, 0.0, 0.25, 0.0]
    assert shares.dtype == torch.float64


@laws
@given(labels_N=labels)
def test_shares_sum_to_one(labels_N: Tensor) -> None:
    assert class_shares(labels_N, 5).sum().item() == pytest.approx(1)


@laws
@given(one=labels, other=labels)
def test_the_gap_is_symmetric_and_a_share(one: Tensor, other: Tensor) -> None:
    a, b = class_shares(one, 5), class_shares(other, 5)
    assert share_gap(a, b) == share_gap(b, a)
    assert 0 <= share_gap(a, b) <= 1 + 1e-12


@laws
@given(labels_N=labels)
def test_equal_shares_have_no_gap_however_unequal_their_classes(labels_N: Tensor) -> None:
    shares = class_shares(labels_N, 5)
    assert share_gap(shares, class_shares(torch.cat([labels_N, labels_N]), 5)) == pytest.approx(0, abs=1e-12)


def test_the_gap_is_the_part_that_would_have_to_change_class() -> None:
    assert share_gap(torch.tensor([0.92, 0.08]), torch.tensor([0.5, 0.5])) == pytest.approx(0.42)
    assert share_gap(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])) == 1


@laws
@given(n=st.integers(1, 2_000), data=st.data())
def test_the_interval_is_wilson_s_formula(n: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, n)) / n
    z = 1.959963984540054
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    assert wilson_interval(share, n) == pytest.approx((centre - half, centre + half), abs=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_interval_holds_the_share_and_stays_within_zero_and_one(share: float) -> None:
    low, high = wilson_interval(share, 50)
    assert 0 <= low <= share <= high <= 1
    assert low < high


def test_the_interval_narrows_with_the_number_of_samples() -> None:
    widths = [high - low for low, high in (wilson_interval(0.3, n) for n in (10, 100, 1_000))]
    assert widths == sorted(widths, reverse=True)
