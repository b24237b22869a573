import re
from math import exp, floor, log, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError, SelectionError
from lds_mlflow.latent import SelectionLimits, SharpnessFilter, draw_candidates, feasible_tau, score_candidates, select
from lds_mlflow.latent.selecting.rules import Paper, PowerLaw, RandomFraction, Rule, TopFraction
from lds_mlflow.latent.selecting.strata import Strata
from lds_mlflow.latent.selecting.threshold_rules import ConformalThreshold, HighestDensity, Threshold, TypicalSet
from lds_mlflow.values import Candidates, Selection
from tests.unit.latent.conftest import REAL, norm_fifth

score_lists = st.lists(st.floats(-500, 0) | st.integers(-3, 0).map(float), min_size=5, max_size=40)


fractions = st.sampled_from([0.2, 0.25, 0.29, 0.5, 1.0])


laws = settings(max_examples=40, deadline=None)


DRAFT_TAU = 0.28


def _scores(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _rule(name: str, fraction: float, tau: float) -> Rule:
    rules: dict[str, Rule] = {
        "top": TopFraction(fraction),
        "paper": Paper(tau, fraction),
        "random": RandomFraction(fraction),
    }
    return rules[name]


def _select(log_lds_M: Tensor, *, rule: str = "top", fraction: float = 0.2, tau: float = 0.28) -> Selection:
    return select(log_lds_M, _rule(rule, fraction, tau), generator=torch.Generator().manual_seed(0))


def _gaussian_candidates(d: int, n: int = 500) -> tuple[Tensor, Candidates]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(n, d, generator=generator)
    return z, draw_candidates(z, 1_500, generator=generator)


def _gaussian_scores(d: int, *, leave_endpoints_out: bool = False) -> tuple[Candidates, Tensor]:
    z, candidates = _gaussian_candidates(d)
    scores = score_candidates(candidates, z, sigma=norm_fifth(z), leave_endpoints_out=leave_endpoints_out)
    return candidates, scores.log_lds_M


@laws
@given(values=score_lists, fraction=fractions)
def test_top_keeps_the_densest_fraction(values: list[float], fraction: float) -> None:
    scores = _scores(values)
    kept = _select(scores, fraction=fraction).index_A
    assert len(kept) == floor(fraction * len(values) + 1e-9)
    rejected = sorted(set(range(len(values))) - set(kept.tolist()))
    assert not rejected or scores[kept].min() >= scores[rejected].max()


@laws
@given(values=score_lists, fraction=fractions, rule=st.sampled_from(["top", "random"]))
def test_what_is_kept_falls_in_density_and_is_kept_once(values: list[float], fraction: float, rule: str) -> None:
    scores = _scores(values)
    kept = _select(scores, rule=rule, fraction=fraction).index_A
    assert len(set(kept.tolist())) == len(kept)
    assert (scores[kept].diff() <= 0).all()


@laws
@given(values=score_lists, fraction=fractions, tau=st.floats(1e-6, 0.5))
def test_paper_keeps_what_is_above_tau_and_in_the_top_fraction(
    values: list[float], fraction: float, tau: float
) -> None:
    scores = _scores([*values, 0.0, 0.0, 0.0, 0.0, 0.0])
    top = _select(scores, fraction=fraction)
    paper = _select(scores, rule="paper", fraction=fraction, tau=tau)
    above = {i for i, value in enumerate(scores.tolist()) if value > log(tau)}
    assert set(paper.index_A.tolist()) == set(top.index_A.tolist()) & above
    assert paper.funnel["above tau"] == len(above)
    assert paper.funnel["kept as A"] == len(paper.index_A)


def test_ties_go_to_the_earlier_candidate() -> None:
    assert _select(_scores([-1.0, -2.0, -1.0, -1.0, -1.0]), fraction=0.4).index_A.tolist() == [0, 2]
    assert _select(torch.zeros(5_000).double()).index_A.tolist() == list(range(1_000))


def test_a_fraction_is_not_lost_to_rounding() -> None:
    # 0.29 * 100 is 28.999999999999996.
    assert len(_select(torch.arange(100.0).double(), fraction=0.29).index_A) == 29


def test_random_keeps_as_many_whatever_their_score() -> None:
    scores = torch.arange(1_000.0).double()
    kept = _select(scores, rule="random").index_A
    assert len(kept) == len(_select(scores).index_A) == 200
    # The mean of 200 of 1,000 ranks has a standard deviation of 18.
    assert kept.double().mean().item() == pytest.approx(499.5, abs=90)


def test_random_draws_alike_from_one_seed_and_otherwise_from_another() -> None:
    def draw(seed: int) -> list[int]:
        generator = torch.Generator().manual_seed(seed)
        kept = select(torch.zeros(100), RandomFraction(0.2), generator=generator)
        return kept.index_A.tolist()

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_the_funnel_counts_every_stage() -> None:
    scores = _scores([-0.1, -0.2, -0.3, -5.0, -6.0])
    top, paper = (_select(scores, rule=rule, fraction=0.8).funnel for rule in ("top", "paper"))
    assert top == {"candidates": 5, "in the top fraction": 4, "kept as A": 4}
    assert paper == {"candidates": 5, "above tau": 3, "in the top fraction": 4, "kept as A": 3}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("top", "the top 80% by LDS"),
        ("paper", "LDS > 0.28 and in the top 80%"),
        ("random", "a random 80% of the candidates"),
    ],
)
def test_the_rule_is_told_in_words(rule: str, words: str) -> None:
    assert _select(_scores([-0.1] * 5), rule=rule, fraction=0.8).rule == words


@pytest.mark.parametrize("rule", ["top", "paper", "random"])
@pytest.mark.parametrize("n", [0, 4])
def test_a_fraction_that_is_no_candidate_is_refused(rule: str, n: int) -> None:
    with pytest.raises(SelectionError) as caught:
        _select(torch.zeros(n).double(), rule=rule)
    assert f"{n} candidates" in caught.value.found
    assert "Raise top_fraction or augmentation_ratio" in caught.value.remedy


@laws
@given(values=score_lists, fraction=fractions)
def test_a_tau_below_the_feasible_range_lets_the_whole_top_fraction_pass(values: list[float], fraction: float) -> None:
    scores = _scores(values)
    all_pass, _ = feasible_tau(scores, fraction)
    kept = _select(scores, rule="paper", fraction=fraction, tau=exp(all_pass - 1e-6))
    assert kept.index_A.tolist() == _select(scores, fraction=fraction).index_A.tolist()


@laws
@given(values=score_lists, fraction=fractions)
def test_a_tau_at_the_end_of_the_feasible_range_lets_nothing_pass(values: list[float], fraction: float) -> None:
    scores = _scores(values)
    _, none_pass = feasible_tau(scores, fraction)
    with pytest.raises(SelectionError):
        _select(scores, rule="paper", fraction=fraction, tau=exp(none_pass + 1e-6))


@pytest.mark.parametrize("d", [1, 2, 8, 32, 128])
def test_the_tau_of_the_draft_selects_nothing_and_the_message_tells_the_funnel(d: int) -> None:
    _, scores = _gaussian_scores(d)
    with pytest.raises(SelectionError) as caught:
        _select(scores, rule="paper", tau=DRAFT_TAU)
    assert "LDS > 0.28 and in the top 20%" in caught.value.what
    assert "1,500 candidates -> 0 above tau -> 300 in the top fraction -> 0 kept as A" in caught.value.found
    assert f"the densest candidate has LDS {scores.max().exp():.3g}" in caught.value.found
    assert "selection=top" in caught.value.remedy


@pytest.mark.parametrize("d", [1, 2, 8, 32, 128])
def test_a_tau_from_the_range_that_the_message_tells_does_select(d: int) -> None:
    _, scores = _gaussian_scores(d)
    with pytest.raises(SelectionError) as caught:
        _select(scores, rule="paper", tau=DRAFT_TAU)
    told = re.search(r"A feasible tau is below (\S+); below (\S+) the whole top fraction passes", caught.value.remedy)
    assert told is not None
    none_pass, all_pass = (float(number) for number in told.groups())
    assert all_pass < none_pass < DRAFT_TAU
    assert 0 < len(_select(scores, rule="paper", tau=sqrt(all_pass * none_pass)).index_A) < 300
    assert len(_select(scores, rule="paper", tau=0.99 * all_pass).index_A) == 300


def test_where_the_scores_underflow_the_range_is_told_as_an_exponent() -> None:
    with pytest.raises(SelectionError) as caught:
        _select(_scores([-2000.0, -2100.5, -2200.0]), rule="paper", fraction=1.0)
    assert "exp(-2000.0)" in caught.value.found
    assert "exp(-2200.0)" in caught.value.remedy


@pytest.mark.parametrize("d", [32, 64, 128])
def test_in_many_dimensions_the_densest_fifth_is_near_copies_of_training_latents(d: int) -> None:
    candidates, scores = _gaussian_scores(d)
    assert _share_at_the_ends(candidates, _select(scores)) > 0.95


@pytest.mark.parametrize("d", [32, 64, 128])
def test_leaving_endpoints_out_keeps_the_middle_and_a_nearly_disjoint_set(d: int) -> None:
    candidates, leaky = _gaussian_scores(d)
    _, honest = _gaussian_scores(d, leave_endpoints_out=True)
    kept, kept_leaky = _select(honest), _select(leaky)
    assert _share_at_the_ends(candidates, kept) < 0.1
    both = set(kept.index_A.tolist()) & set(kept_leaky.index_A.tolist())
    assert len(both) < 0.1 * len(kept.index_A)


def test_leaving_endpoints_out_selects_what_is_contracted_to_the_mean() -> None:
    candidates, scores = _gaussian_scores(32, leave_endpoints_out=True)
    norms = candidates.z_MD.norm(dim=1)
    assert norms[_select(scores).index_A].mean() < 0.9 * norms.mean()


def _share_at_the_ends(candidates: Candidates, selection: Selection) -> float:
    alphas = candidates.alpha_M[selection.index_A]
    return ((alphas < 0.15) | (alphas > 0.85)).double().mean().item()


def _with_parents(parents: list[tuple[int, int, float]]) -> Candidates:
    first, second, alpha = zip(*parents, strict=True)
    pairs = torch.tensor([first, second]).T
    return Candidates(torch.zeros(len(parents), 1), pairs, torch.tensor(alpha))


def test_a_candidate_and_its_mirror_image_are_kept_once() -> None:
    candidates = _with_parents([(0, 1, 0.3), (1, 0, 0.7), (0, 1, 0.7), (0, 2, 0.3), (0, 1, 0.3)])
    found = select(-torch.arange(5).double(), TopFraction(1.0), generator=torch.Generator(), candidates=candidates)
    assert found.index_A.tolist() == [0, 2, 3]
    assert "2 short of the 5" in found.warnings[0]


def test_no_parent_is_used_more_often_than_the_cap_and_others_take_the_place() -> None:
    candidates = _with_parents([(0, 1, 0.1), (0, 2, 0.1), (0, 3, 0.1), (4, 5, 0.1), (1, 6, 0.1), (2, 7, 0.1)])
    found = select(
        -torch.arange(6).double(),
        TopFraction(0.5),
        generator=torch.Generator(),
        candidates=candidates,
        limits=SelectionLimits(max_per_parent=1),
    )
    assert found.index_A.tolist() == [0, 3, 5]
    assert "a parent at most 1 times" in found.rule


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), cap=st.integers(1, 5), fraction=fractions)
def test_the_cap_always_holds(seed: int, cap: int, fraction: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    candidates = draw_candidates(torch.randn(12, 2, generator=generator), 80, generator=generator)
    scores = torch.randn(80, generator=generator).double()
    found = select(
        scores,
        TopFraction(fraction),
        generator=generator,
        candidates=candidates,
        limits=SelectionLimits(max_per_parent=cap),
    )
    assert torch.bincount(candidates.parents_M2[found.index_A].flatten()).max() <= cap


@pytest.mark.parametrize(
    "rule", [TopFraction(0.2), RandomFraction(0.2), PowerLaw(1.0, 0.2)], ids=["top", "random", "power"]
)
def test_strata_keep_the_training_shares_and_the_densest_of_each(rule: Rule) -> None:
    # By density alone, all would be of stratum 0.
    of_M = torch.arange(1_000) // 250
    strata = Strata(of_M, torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64))
    scores = -torch.arange(1_000).double()
    kept = select(
        scores, rule, generator=torch.Generator().manual_seed(0), limits=SelectionLimits(strata=strata)
    ).index_A
    assert torch.bincount(of_M[kept]).tolist() == [80, 60, 40, 20]
    if isinstance(rule, TopFraction):
        assert kept.tolist() == [*range(80), *range(250, 310), *range(500, 540), *range(750, 770)]


def test_a_stratum_short_of_candidates_stays_short_and_says_so() -> None:
    strata = Strata(torch.tensor([0] * 9 + [1]), torch.tensor([0.5, 0.5], dtype=torch.float64))
    found = select(
        -torch.arange(10).double(), TopFraction(0.4), generator=torch.Generator(), limits=SelectionLimits(strata=strata)
    )
    assert found.index_A.tolist() == [0, 1, 9]
    assert found.figures["short_of"] == 1
    assert "in strata 1" in found.warnings[0]


def test_the_second_filter_keeps_the_sharpest_of_what_the_first_keeps() -> None:
    scores, sharp = -torch.arange(10).double(), torch.tensor([1, 5, 2, 4, 3, 9, 9, 9, 9, 9]).double()
    found = select(scores, TopFraction(0.5), generator=torch.Generator(), sharpest=SharpnessFilter(sharp, 0.4))
    assert found.index_A.tolist() == [1, 3]
    assert found.funnel == {"candidates": 10, "in the top fraction": 5, "sharp": 2, "kept as A": 2}
    assert "the sharpest 40% of those" in found.rule


def test_a_score_that_is_not_a_number_is_named() -> None:
    with pytest.raises(DataError) as caught:
        select(_scores([-1.0, float("nan"), -2.0]), TopFraction(1.0), generator=torch.Generator())
    assert caught.value.what == "the score of candidate 1"


@pytest.mark.parametrize("cap", [2, -1])
def test_a_cap_without_parents_or_below_0_is_refused(cap: int) -> None:
    limits = SelectionLimits(max_per_parent=cap)
    with pytest.raises(ConfigError, match="max_per_parent"):
        select(torch.zeros(10).double(), TopFraction(0.5), generator=torch.Generator(), limits=limits)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_filter_that_keeps_nothing_or_more_than_all_is_refused(fraction: float) -> None:
    with pytest.raises(ConfigError, match="sharpest_fraction"):
        SharpnessFilter(torch.zeros(10), fraction)


def test_a_threshold_that_nothing_passes_tells_what_can_be_reached() -> None:
    with pytest.raises(SelectionError) as caught:
        select(_scores([-3.0, -4.0]), Threshold(0.28), generator=torch.Generator())
    assert "0 passing" in caught.value.found
    assert f"below {exp(-3):.3g}" in caught.value.remedy


@pytest.mark.parametrize("rule", [ConformalThreshold(0.9, REAL), HighestDensity(0.9, REAL), TypicalSet(0.9, REAL)])
def test_an_automatic_threshold_that_nothing_passes_is_told_with_a_remedy(rule: Rule) -> None:
    with pytest.raises(SelectionError, match="selection=top"):
        select(torch.full((10,), -500.0).double(), rule, generator=torch.Generator())


def test_a_million_candidates_are_selected() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(1_000, 2, generator=generator)
    candidates = draw_candidates(z, 1_000_000, generator=generator)
    scores = torch.randn(1_000_000, generator=generator).double()
    found = select(scores, TopFraction(0.2), generator=generator, candidates=candidates)
    assert len(found.index_A) <= 200_000
    assert len(found.index_A.unique()) == len(found.index_A)
