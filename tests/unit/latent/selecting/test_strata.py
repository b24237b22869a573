import torch
from hypothesis import given
from hypothesis import strategies as st

from lds_mlflow.latent.selecting.strata import Strata, strata_of
from lds_mlflow.values import Candidates


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any), total=st.integers(0, 500))
def test_quotas_add_up_and_are_less_than_one_off(counts: list[int], total: int) -> None:
    shares = torch.tensor(counts, dtype=torch.float64) / sum(counts)
    quotas = Strata(torch.zeros(1, dtype=torch.int64), shares).quotas(total)
    assert quotas.sum() == total
    assert ((quotas - shares * total).abs() < 1).all()


def test_a_candidate_belongs_to_its_nearer_parent_and_half_way_to_its_first() -> None:
    labels = torch.tensor([0, 1, 1, 2])
    candidates = Candidates(
        torch.zeros(4, 1), torch.tensor([[0, 1], [0, 1], [0, 1], [3, 2]]), torch.tensor([0.4, 0.5, 0.6, 0.9])
    )
    strata = strata_of(candidates, labels)
    assert strata.of_M.tolist() == [0, 0, 1, 1]
    assert strata.share_K.tolist() == [0.25, 0.5, 0.25]
