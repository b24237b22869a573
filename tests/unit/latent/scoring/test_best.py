import torch
from hypothesis import given
from hypothesis import strategies as st

from lds_mlflow.latent.scoring.best import BestCodes


@given(
    scores=st.lists(st.integers(-5, 5), max_size=60),
    keep=st.integers(1, 20),
    size=st.integers(1, 9),
)
def test_the_best_of_a_stream_are_those_of_all_at_once_and_ties_go_to_the_lower_code(
    scores: list[int], keep: int, size: int
) -> None:
    best = BestCodes(keep)
    codes = torch.arange(len(scores)).flip(0)
    for some, own in zip(torch.tensor(scores, dtype=torch.float64).split(size), codes.split(size), strict=True):
        best.add(some, own)
    expected = sorted(zip(scores, codes.tolist(), strict=True), key=lambda item: (-item[0], item[1]))[:keep]
    found, kept = best.ranked()
    assert list(zip(found.tolist(), kept.tolist(), strict=True)) == expected


def test_the_threshold_rises_to_the_last_that_is_kept_and_never_falls() -> None:
    best = BestCodes(2, threshold=1.5)
    best.add(torch.tensor([1.0, 1.2, 0.5, 0.1]), torch.arange(4))
    assert best.threshold == 1.5
    best.add(torch.tensor([4.0, 3.0, 2.0]), torch.arange(4, 7))
    best.ranked()
    assert best.threshold == 3.0
