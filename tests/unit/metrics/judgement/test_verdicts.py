from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.metrics import (
    Comparison,
    Estimate,
    compare_evaluations,
    frechet_estimate,
    frechet_without_bias,
    holm,
    intervals_of,
    kernel_distance,
    neighbour_estimates,
)
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation

N = 200


def _shared(seed: int) -> Tensor:
    return torch.randn(N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def _of(name: str, value: float, by_sample: Tensor, by_real: Tensor | None = None, bias: float = 0) -> Evaluation:
    """An evaluation of one figure whose influences are given."""
    by_real = torch.zeros(N, dtype=torch.float64) if by_real is None else by_real
    return an_evaluation(
        n_samples=N,
        metrics={name: value, f"{name}_infinity": value - bias},
        intervals={},
        by_real={name: by_real},
        by_sample={name: by_sample},
    )


def _compare(first: Evaluation, second: Evaluation, **changes: Any) -> Comparison:
    (found,) = compare_evaluations({"old": first, "new": second}, **{"replicates": 2000, **changes})
    return found


@pytest.mark.parametrize(
    ("name", "difference", "verdict"),
    [("fid", -1, "better"), ("fid", 1, "worse"), ("recall", 0.4, "better"), ("recall", -0.4, "worse")],
)
def test_a_difference_far_beyond_its_error_is_better_or_worse(name: str, difference: float, verdict: str) -> None:
    found = _compare(_of(name, 0.5, 0.1 * _shared(0)), _of(name, 0.5 + difference, 0.1 * _shared(1)))
    assert (found.model, found.reference, found.verdict) == ("new", "old", verdict)
    assert found.difference == pytest.approx(difference)
    assert found.p_corrected < 0.01
    assert found.samples_needed == 0


def test_density_is_never_better_or_worse() -> None:
    assert _compare(_of("density", 1.0, 0.1 * _shared(0)), _of("density", 2.0, 0.1 * _shared(1))).verdict == "higher"
    assert _compare(_of("density", 2.0, 0.1 * _shared(0)), _of("density", 1.0, 0.1 * _shared(1))).verdict == "lower"


def test_a_small_difference_that_is_known_well_is_no_difference() -> None:
    found = _compare(_of("fid", 10.0, 0.1 * _shared(0)), _of("fid", 10.0, 0.1 * _shared(1)))
    assert found.verdict == "no difference seen"
    assert -1 < found.low < 0 < found.high < 1


def test_a_difference_that_is_not_known_well_takes_more_samples_and_says_how_many() -> None:
    found = _compare(_of("fid", 10.0, 30 * _shared(0)), _of("fid", 10.5, 30 * _shared(1)))
    assert found.verdict == "too few samples to tell"
    error = 30 * 2**0.5 / N**0.5
    assert found.samples_needed == pytest.approx(N * (2.8 * error / 1.05) ** 2, rel=0.2)


def test_as_many_samples_as_are_asked_for_mostly_tell_whatever_else_is_compared() -> None:
    names = ("fid", "recall", "coverage")
    models = {
        str(i): an_evaluation(
            n_samples=N,
            metrics=dict.fromkeys((*names, "fid_infinity"), 10.0),
            by_real={name: torch.zeros(N, dtype=torch.float64) for name in names},
            by_sample={name: 30 * _shared(10 * i + place) for place, name in enumerate(names)},
        )
        for i in range(2)
    }
    needed = compare_evaluations(models, replicates=2000)[0].samples_needed
    # A difference of the margin, 1, has to pass the corrected level of three comparisons four times of five.
    error = 30 * 2**0.5 / needed**0.5
    assert 1.0 / error == pytest.approx(norm.isf(0.025 / 3) + norm.isf(0.2), rel=0.15)


def test_no_number_is_given_where_more_samples_would_be_no_answer() -> None:
    nothing_to_see = _compare(_of("kid", 1e-9, _shared(0)), _of("kid", -2e-9, _shared(1)))
    assert (nothing_to_see.verdict, nothing_to_see.samples_needed) == ("too few samples to tell", 0)
    both_zero = _compare(_of("kid", 0.0, _shared(0)), _of("kid", 0.0, _shared(1)))
    assert both_zero.samples_needed == 0


def test_a_fid_that_only_the_bias_of_few_examples_makes_better_is_no_better() -> None:
    biased = _compare(_of("fid", 10.0, 0.1 * _shared(0), bias=9), _of("fid", 8.0, 0.1 * _shared(1), bias=1))
    assert biased.p_corrected < 0.01
    assert biased.without_bias == pytest.approx(7 - 1)
    assert (biased.verdict, biased.samples_needed) == ("too few samples to tell", 0)


def test_a_fid_whose_bias_is_not_known_has_no_verdict() -> None:
    old, new = (_of("fid", value, 0.1 * _shared(seed)) for seed, value in ((0, 10.0), (1, 5.0)))
    del old.metrics["fid_infinity"]
    assert _compare(old, new).verdict == "too few samples to tell"


def test_a_model_that_has_shrunk_is_not_called_better_for_the_smaller_bias_of_its_distance() -> None:
    # The first model is exact; the second varies too little, which lowers the distance of few examples all the same.
    generator = torch.Generator().manual_seed(0)
    real, exact, shrunk = torch.randn(3, 300, 64, generator=generator)
    models = {}
    for name, samples in (("exact", exact), ("shrunk", 0.95 * shrunk)):
        estimate = frechet_estimate(real, samples)
        extrapolated = frechet_without_bias(real, samples, generator=generator)
        assert extrapolated is not None
        models[name] = an_evaluation(
            n_samples=300,
            metrics={"fid": estimate.value, "fid_infinity": extrapolated.value},
            by_real={"fid": estimate.by_real_N},
            by_sample={"fid": estimate.by_sample_S},
        )
    (found,) = compare_evaluations(models, replicates=1000)
    assert found.difference < 0
    assert found.verdict != "better"


@pytest.mark.parametrize("replicates", [100, 10_000])
def test_few_replicates_and_many_models_leave_a_clear_difference_clear(replicates: int) -> None:
    models = {str(i): _of("fid", 10.0 + 5 * i, 0.1 * _shared(i)) for i in range(5)}
    assert {row.verdict for row in compare_evaluations(models, replicates=replicates)} == {"worse"}


def test_a_hint_that_does_not_survive_the_correction_is_not_called_no_difference() -> None:
    names = ("fid", "kid", "recall")
    old, new = (
        an_evaluation(
            n_samples=N,
            metrics={"fid": 10.0 + shift, "fid_infinity": 9.0 + shift, "kid": 10.0, "recall": 0.5},
            by_real={name: torch.zeros(N, dtype=torch.float64) for name in names},
            by_sample={name: _shared(seed) for name in names},
        )
        for seed, shift in ((0, 0.0), (1, 0.235))
    )
    fid = compare_evaluations({"old": old, "new": new}, replicates=5000)[0]
    assert fid.p < 0.05 < fid.p_corrected
    # Within the margin of 10 % it is all the same.
    assert fid.high < 1
    assert fid.verdict == "too few samples to tell"


def test_what_two_models_share_cancels() -> None:
    # The same seeds and real examples: most of each figure's error is common to both.
    common, real = _shared(0), _shared(1)
    old, new = (_of("fid", 10 + shift, 3 * common + 0.1 * _shared(2 + i), real) for i, shift in enumerate((0, 0.2)))
    paired = _compare(old, new)
    apart = _compare(old, _of("fid", 10.2, 3 * _shared(9), _shared(8)))
    assert paired.verdict == "worse"
    assert apart.verdict == "too few samples to tell"
    assert paired.high - paired.low < 0.1 * (apart.high - apart.low)


def test_all_pairs_are_compared_and_the_correction_knows_how_many_there_are() -> None:
    models = {str(i): _of("fid", 10 + 0.16 * i, 0.5 * _shared(i)) for i in range(4)}
    found = compare_evaluations(models, replicates=2000)
    assert [(row.model, row.reference) for row in found] == [
        ("1", "0"), ("2", "0"), ("3", "0"), ("2", "1"), ("3", "1"), ("3", "2"),
    ]  # fmt: skip
    assert [row.p_corrected for row in found] == holm([row.p for row in found])
    assert all(row.p_corrected >= row.p for row in found)


def test_what_was_seen_of_no_example_can_still_be_of_some() -> None:
    found = _compare(_of("coverage", 1.0, 0 * _shared(0)), _of("coverage", 1.0, 0 * _shared(1)))
    # Of N examples, none with probability 0.025 where it is of a share of 3.69 / N.
    assert (1 - found.high) ** N == pytest.approx(0.025, rel=0.05)
    assert found.low == -found.high
    assert found.p == 1


def test_only_what_all_models_have_is_compared() -> None:
    with_classes = an_evaluation(
        n_samples=N,
        metrics={"fid": 1.0, "fid_infinity": 1.0, "class_share_gap_corrected": 0.1},
        by_real=dict.fromkeys(("fid", "class_share_gap_corrected"), _shared(0)),
        by_sample=dict.fromkeys(("fid", "class_share_gap_corrected"), _shared(1)),
    )
    found = compare_evaluations({"a": with_classes, "b": _of("fid", 1.0, _shared(2))}, replicates=100)
    assert [row.name for row in found] == ["fid"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("extractor", "inception-v3-1", "feature extractor inception-v3-1 and classifier-12ab"),
        ("resize", "to 299", "resizing"),
        ("part", "select", "part of the data select and test"),
        ("held_out_digest", "5", "held-out examples"),
        ("n_samples", 5, "number of samples 5 and 4"),
        ("first_seed", 7, "sample seed 7 and 0"),
        ("settings", {"k_neighbours": "3"}, "settings {'k_neighbours': '3'}"),
    ],
)
def test_what_was_not_measured_in_the_same_way_is_refused(field: str, value: Any, named: str) -> None:
    with pytest.raises(DataError) as caught:
        compare_evaluations({"old": an_evaluation(), "new": an_evaluation(**{field: value})})
    assert named in caught.value.found
    assert "comparison of new with old" in caught.value.what


def test_one_model_is_no_comparison() -> None:
    with pytest.raises(DataError, match="two or more"):
        compare_evaluations({"old": an_evaluation()})


def test_holm_by_hand() -> None:
    # Holm 1979: the smallest of four by 4, the next by 3, never falling, at most 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_nor_changes_their_order(p_values: list[float]) -> None:
    found = holm(p_values)
    assert all(p <= corrected <= min(1, len(p_values) * p) for p, corrected in zip(p_values, found, strict=True))
    assert sorted(range(len(found)), key=lambda i: (found[i], p_values[i])) == sorted(
        range(len(found)), key=lambda i: p_values[i]
    )


def test_the_interval_of_a_share_of_all_examples_does_not_shrink_to_a_point() -> None:
    nothing = torch.zeros(N, dtype=torch.float64)
    low, high = intervals_of({"coverage": Estimate(1.0, nothing, nothing)}, replicates=100, seed=0)["coverage"]
    assert high == 1
    # Wilson's lower end for 200 of 200.
    assert low == pytest.approx(0.981, abs=0.001)


_SIMULATIONS = 200


def _draw(generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Real examples and the samples of two models of the same seeds, one of which varies a little more."""
    scales = torch.logspace(0, -1, 6)
    real, seeds, noise = torch.randn(3, 150, 6, generator=generator)
    return scales * real, scales * 0.8 * seeds + 0.1, scales * (0.8 * seeds + 0.3 * noise)


def _estimates(real: Tensor, fake: Tensor) -> dict[str, Estimate]:
    return {
        "fid": frechet_estimate(real, fake),
        "kid": kernel_distance(real, fake),
        **neighbour_estimates(real, fake, k=5),
    }


@pytest.fixture(scope="module")
def simulations() -> list[tuple[dict[str, Estimate], dict[str, Estimate]]]:
    generator = torch.Generator().manual_seed(0)
    drawn = [_draw(generator) for _ in range(_SIMULATIONS)]
    return [(_estimates(real, one), _estimates(real, other)) for real, one, other in drawn]


@pytest.mark.parametrize("name", ["fid", "kid", "precision", "recall", "density", "coverage"])
def test_intervals_hold_the_true_figure_about_as_often_as_they_say(
    simulations: list[tuple[dict[str, Estimate], dict[str, Estimate]]], name: str
) -> None:
    # The true figure: its mean over draws of as many examples.
    truth = sum(one[name].value for one, _ in simulations) / _SIMULATIONS
    held = 0
    for one, _ in simulations:
        low, high = intervals_of({name: one[name]}, replicates=300, seed=0)[name]
        held += low <= truth <= high
    # 95 %, less what 200 simulations and 150 examples leave open; density's are known to be too long.
    assert held / _SIMULATIONS >= 0.89
    assert held / _SIMULATIONS <= 0.995 or name == "density"


@pytest.mark.parametrize("name", ["fid", "kid", "precision", "recall", "density", "coverage"])
def test_intervals_of_paired_differences_hold_the_true_one_about_as_often_as_they_say(
    simulations: list[tuple[dict[str, Estimate], dict[str, Estimate]]], name: str
) -> None:
    truth = sum(other[name].value - one[name].value for one, other in simulations) / _SIMULATIONS
    held = 0
    for pair in simulations:
        old, new = (
            an_evaluation(
                n_samples=150,
                metrics={name: found[name].value},
                by_real={name: found[name].by_real_N},
                by_sample={name: found[name].by_sample_S},
            )
            for found in pair
        )
        compared = _compare(old, new, replicates=300)
        held += compared.low <= truth <= compared.high
    assert held / _SIMULATIONS >= 0.89
    # Of shares of 150 examples an interval is never shorter than what was seen of none allows.
    assert held / _SIMULATIONS <= 0.995 or name not in {"fid", "kid"}
