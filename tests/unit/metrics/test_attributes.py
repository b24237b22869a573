from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    CorrectedShares,
    class_shares,
    confusion_counts,
    corrected_shares,
    share_gap,
    share_gap_estimate,
    wilson_interval,
)

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


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (20, 20, 0.8389, 1.0)],
)
def test_the_interval_has_the_values_of_the_literature(successes: int, n: int, low: float, high: float) -> None:
    # Newcombe, Two-sided Confidence Intervals for the Single Proportion, 1998, method 3.
    assert wilson_interval(successes / n, n) == pytest.approx((low, high), abs=1e-4)


def test_confusion_counts_true_classes_by_row_and_judged_ones_by_column() -> None:
    true, judged = torch.tensor([0, 0, 0, 1, 2, 2]), torch.tensor([0, 0, 1, 1, 0, 2])
    assert confusion_counts(true, judged, 4).tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


def test_the_influence_of_a_sample_is_what_its_class_does_to_the_gap() -> None:
    # Shares 0.5, 0.5, 0 against 0.2, 0.5, 0.3: more of the first class raises the gap by half of it, as does less of
    # the third. What is as it should be does nothing.
    found = share_gap_estimate(torch.tensor([0, 1, 0, 1]), torch.tensor([0.2, 0.5, 0.3]).double(), n_real=3)
    assert found.value == pytest.approx(0.3)
    assert found.by_sample_S.tolist() == pytest.approx([0.25, -0.25, 0.25, -0.25])
    assert found.by_real_N.tolist() == [0, 0, 0]


def test_the_influences_on_the_gap_are_what_leaving_samples_out_changes() -> None:
    labels_S, reference = _draw(torch.tensor([0.6, 0.25, 0.15]), 200, 0), torch.tensor([0.3, 0.3, 0.4]).double()
    found = share_gap_estimate(labels_S, reference, n_real=0)
    left_out = [torch.cat([labels_S[:i], labels_S[i + 1 :]]) for i in range(200)]
    changes = [share_gap(class_shares(rest, 3), reference) - found.value for rest in left_out]
    assert (-found.by_sample_S / 199).tolist() == pytest.approx(changes, abs=1e-9)


TRUE = torch.tensor([0.7, 0.2, 0.1], dtype=torch.float64)
RATES = torch.tensor([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.05, 0.15, 0.8]], dtype=torch.float64)


def _draw(shares_K: Tensor, n: int, seed: int) -> Tensor:
    return torch.multinomial(shares_K, n, replacement=True, generator=torch.Generator().manual_seed(seed))


def _correct(labels_S: Tensor, confusion_KK: Tensor, replicates: int = 50, seed: int = 0) -> CorrectedShares:
    reference = torch.full((len(confusion_KK),), 1 / len(confusion_KK), dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    names = [f"class {label}" for label in range(len(confusion_KK))]
    return corrected_shares(
        labels_S, confusion_KK, reference, names_K=names, n_real=4, replicates=replicates, generator=generator
    )


def _exactly(shares_K: Tensor, n: int) -> Tensor:
    return torch.arange(len(shares_K)).repeat_interleave((shares_K * n).round().long())


def test_exact_proportions_give_back_the_true_shares_and_their_gap() -> None:
    found = _correct(_exactly(RATES.T @ TRUE, 1000), (100 * RATES).round().long())
    assert found.shares_K.tolist() == pytest.approx(TRUE.tolist())
    # To equal shares, 0.7 - 1/3 would have to change class.
    assert found.gap.value == pytest.approx(0.7 - 1 / 3)
    assert (found.low_K <= found.shares_K).all()
    assert (found.shares_K <= found.high_K).all()


def test_a_classifier_that_never_errs_is_not_corrected() -> None:
    labels_S = _draw(TRUE, 300, 0)
    found = _correct(labels_S, 50 * torch.eye(3, dtype=torch.int64), replicates=2000)
    assert found.shares_K.tolist() == pytest.approx(class_shares(labels_S, 3).tolist())
    # And its intervals are those of shares.
    for i, share in enumerate(found.shares_K.tolist()):
        assert (found.low_K[i], found.high_K[i]) == pytest.approx(wilson_interval(share, 300), abs=0.015)


def test_corrected_shares_are_unbiased_where_observed_ones_are_not_and_their_intervals_hold_the_truth() -> None:
    corrected, observed, held = [], [], []
    for seed in range(150):
        judged = [_draw(row, 200, 1000 * (i + 1) + seed) for i, row in enumerate(RATES)]
        confusion = torch.stack([row.bincount(minlength=3) for row in judged])
        labels_S = _draw(RATES.T @ TRUE, 300, seed)
        found = _correct(labels_S, confusion, replicates=100, seed=seed)
        corrected.append(found.shares_K)
        observed.append(class_shares(labels_S, 3))
        held.append((found.low_K <= TRUE) & (found.high_K >= TRUE))
    off, observed_off = (torch.stack(some) - TRUE for some in (corrected, observed))
    assert (off.mean(0).abs() < 3 * off.std(0) / 150**0.5).all()
    assert (observed_off.mean(0).abs() > 5 * observed_off.std(0) / 150**0.5).any()
    coverage = torch.stack(held).double().mean(0)
    assert (coverage >= 0.88).all()
    # Intervals that hold everything would say nothing.
    assert coverage.min() < 1


def test_the_influences_of_samples_on_the_corrected_gap_are_what_leaving_them_out_changes() -> None:
    labels_S, confusion = _draw(RATES.T @ TRUE, 200, 0), (100 * RATES).round().long()
    found = _correct(labels_S, confusion).gap
    left_out = [torch.cat([labels_S[:i], labels_S[i + 1 :]]) for i in range(200)]
    changes = [_correct(rest, confusion, replicates=1).gap.value - found.value for rest in left_out]
    assert (-found.by_sample_S / 199).tolist() == pytest.approx(changes, abs=1e-9)
    assert found.by_sample_S.std() > 0
    assert found.by_real_N.tolist() == [0, 0, 0, 0]


def test_few_examples_of_a_class_make_the_intervals_wider() -> None:
    labels_S = _exactly(RATES.T @ TRUE, 1000)
    few, many = (_correct(labels_S, (n * RATES).round().long(), replicates=500) for n in (20, 2000))
    assert (few.high_K - few.low_K > 1.5 * (many.high_K - many.low_K)).all()


def test_the_same_generator_gives_the_same_intervals() -> None:
    labels_S, confusion = _draw(TRUE, 100, 0), (20 * RATES).round().long()
    first, again, other = (_correct(labels_S, confusion, seed=seed) for seed in (0, 0, 1))
    assert first.low_K.tolist() == again.low_K.tolist()
    assert first.high_K.tolist() == again.high_K.tolist()
    assert first.high_K.tolist() != other.high_K.tolist()


@laws
@given(
    confusion=st.lists(st.integers(0, 9), min_size=9, max_size=9).map(lambda some: torch.tensor(some).reshape(3, 3)),
    labels_S=st.lists(st.integers(0, 2), min_size=1, max_size=30).map(torch.tensor),
    replicates=st.integers(1, 20),
)
def test_corrected_shares_are_shares_within_their_intervals(
    confusion: Tensor, labels_S: Tensor, replicates: int
) -> None:
    # On the diagonal enough for the classes to be told apart.
    found = _correct(labels_S, confusion + 20 * torch.eye(3, dtype=torch.int64), replicates=replicates)
    assert (found.shares_K >= 0).all()
    assert found.shares_K.sum().item() == pytest.approx(1)
    assert 0 <= found.gap.value <= 1
    assert (found.low_K >= 0).all()
    assert (found.low_K <= found.shares_K).all()
    assert (found.shares_K <= found.high_K).all()
    assert (found.high_K <= 1 + 1e-12).all()


def test_a_confusion_that_could_have_missed_what_was_seen_still_has_intervals() -> None:
    # Drawn again, the one example of class 0 that was taken for it is often not among them.
    found = _correct(torch.zeros(10, dtype=torch.int64), torch.tensor([[1, 1], [0, 2]]), replicates=200)
    assert found.shares_K.tolist() == pytest.approx([1, 0])
    assert found.low_K.isfinite().all()
    assert found.high_K.isfinite().all()


def test_a_class_of_which_no_confusion_is_known_is_named() -> None:
    with pytest.raises(DataError) as caught:
        _correct(torch.tensor([0, 1, 2, 3]), torch.tensor([[5, 0, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 0]]))
    assert caught.value.what == "the classifier's confusion"
    assert caught.value.found == "no example of class 1, class 3"
    assert "Give the part select more examples of it" in caught.value.remedy


def test_classes_that_the_classifier_cannot_tell_apart_are_named() -> None:
    with pytest.raises(DataError) as caught:
        _correct(torch.tensor([0, 1, 2]), torch.tensor([[9, 0, 0], [0, 4, 4], [0, 2, 2]]))
    assert caught.value.found == "class 1, class 2, which it can't tell apart"
    assert "train the classifier longer" in caught.value.remedy
