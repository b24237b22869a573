"""Which candidates make the augmentation set A: a rule, a filter by sharpness, no duplicates, caps and quotas."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError, DataError, SelectionError
from lds_mlflow.latent.selecting.rules import Paper, Rule, count_of, falling, plain
from lds_mlflow.latent.selecting.strata import Strata
from lds_mlflow.latent.selecting.threshold_rules import Threshold
from lds_mlflow.machine.arrays import taking_arrays, tensor_of
from lds_mlflow.values import Candidates, Selection

__all__ = ["SelectionLimits", "SharpnessFilter", "feasible_tau", "select"]


@dataclass(frozen=True, slots=True)
class SelectionLimits:
    """What a selection may not exceed.

    Attributes:
        at_most: Size of A at most; None for what the rule wants.
        max_per_parent: Uses of a training latent as a parent at most; 0 for any number.
        strata: Strata whose shares are kept; None for none.
    """

    at_most: int | None = None
    max_per_parent: int = 0
    strata: Strata | None = None


_NO_LIMITS = SelectionLimits()


@dataclass(frozen=True, slots=True)
class SharpnessFilter:
    """The draft's second filter (section 4.2), which keeps the sharpest of what a rule wants.

    Attributes:
        sharpness_M: Sharpness of every candidate once it is decoded, float [M].
        fraction: Fraction that it keeps, in (0, 1].

    Raises:
        ConfigError: The fraction is out of range.
    """

    sharpness_M: Tensor
    fraction: float

    def __post_init__(self) -> None:
        if not 0 < self.fraction <= 1:
            raise ConfigError(
                "sharpest_fraction",
                found=str(self.fraction),
                expected="above 0, at most 1",
                remedy="1 keeps all.",
            )

    def keep(self, order_O: Tensor) -> Tensor:
        """Returns the sharpest of some candidates, int64 [O], in the order in which they are given."""
        n = count_of(self.fraction, len(order_O))
        return order_O[falling(tensor_of(self.sharpness_M, "sharpness_M", "M")[order_O])[:n].sort().values]


@taking_arrays
def select(
    log_lds_M: Tensor,
    rule: Rule,
    *,
    generator: torch.Generator,
    candidates: Candidates | None = None,
    limits: SelectionLimits = _NO_LIMITS,
    sharpest: SharpnessFilter | None = None,
) -> Selection:
    """Keeps candidates by a rule, the densest first. Ties go to the earlier candidate.

    The rule says who may be kept, in which order, and how many. The sharpest fraction of those it wants goes on. Then
    the order is walked: a candidate is passed over if it was taken already, if a parent of it was used often enough, or
    if its stratum is full; where the rule ranks more than it wants, the next in order takes the place.

    Args:
        log_lds_M: Scores, float64 [M].
        rule: The rule.
        generator: The randomness of rules that have some, on the CPU.
        candidates: The candidates; without them nothing is known of parents and duplicates.
        limits: What the selection may not exceed.
        sharpest: The filter by sharpness; None for none.

    Raises:
        ConfigError: A number is out of range.
        DataError: A score is not a number.
        SelectionError: Nothing is left.
    """
    _check(log_lds_M, candidates, limits.max_per_parent)
    ranking = rule.choose(log_lds_M, generator)
    funnel, order, wanted = {"candidates": len(log_lds_M)} | ranking.stages, ranking.order_O, ranking.wanted
    if sharpest is not None:
        order = sharpest.keep(order[:wanted])
        wanted = len(order)
        funnel["sharp"] = wanted
    wanted = wanted if limits.at_most is None else min(wanted, limits.at_most)
    kept = _walk(order, wanted, candidates, limits)
    funnel["kept as A"] = len(kept)
    if not len(kept):
        raise _empty(log_lds_M, rule, funnel)
    figures, warnings = _shortage(kept, wanted, limits.strata)
    kept = kept.sort().values
    return Selection(
        index_A=kept[falling(log_lds_M[kept])],
        rule=_words(rule, limits, sharpest),
        funnel=funnel,
        figures=ranking.figures | figures,
        warnings=ranking.warnings + warnings,
    )


@taking_arrays
def feasible_tau(log_lds_M: Tensor, top_fraction: float) -> tuple[float, float]:
    """Returns log tau below which the whole top fraction passes, and log tau from which on nothing does.

    Raises:
        DataError: There are no scores.
    """
    if not len(log_lds_M):
        raise DataError("the scores", found="none", expected="one or more", remedy="Score candidates first.")
    n_top = max(1, count_of(top_fraction, len(log_lds_M)))
    densest = torch.sort(log_lds_M, descending=True).values
    return densest[n_top - 1].item(), densest[0].item()


def _walk(order: Tensor, wanted: int, candidates: Candidates | None, limits: SelectionLimits) -> Tensor:
    max_per_parent, strata = limits.max_per_parent, limits.strata
    order = order if candidates is None else order[_first_of_each(candidates.take(order))]
    if not max_per_parent and strata is None:
        return order[:wanted]
    parents = [[]] * len(order) if candidates is None else candidates.parents_M2[order].tolist()
    strata_of_order = [0] * len(order) if strata is None else strata.of_M[order].tolist()
    room = [wanted] if strata is None else strata.quotas(wanted).tolist()
    uses: dict[int, int] = {}
    kept: list[int] = []
    for place, (own_parents, own_stratum) in enumerate(zip(parents, strata_of_order, strict=True)):
        if len(kept) == wanted:
            break
        used_up = max_per_parent and any(uses.get(parent, 0) >= max_per_parent for parent in own_parents)
        if room[own_stratum] and not used_up:
            kept.append(place)
            room[own_stratum] -= 1
            for parent in own_parents:
                uses[parent] = uses.get(parent, 0) + 1
    return order[torch.tensor(kept, dtype=torch.int64)]


def _first_of_each(candidates: Candidates) -> Tensor:
    """Returns the rows of candidates that are none of the earlier ones: (i, j, a) is (j, i, 1-a)."""
    first, second = candidates.parents_M2.T
    alpha = torch.where(first <= second, candidates.alpha_M, 1 - candidates.alpha_M)
    keys = torch.stack([torch.minimum(first, second), torch.maximum(first, second), (1e4 * alpha).round().long()])
    _, group = torch.unique(keys, dim=1, return_inverse=True)
    by_group = torch.argsort(group, stable=True)
    begins = torch.ones(len(group), dtype=torch.bool)
    begins[1:] = group[by_group].diff() != 0
    return by_group[begins].sort().values


def _shortage(kept: Tensor, wanted: int, strata: Strata | None) -> tuple[dict[str, float], tuple[str, ...]]:
    if len(kept) >= wanted:
        return {}, ()
    short = wanted - len(kept)
    reason = "no more candidates may be kept"
    if strata is not None:
        have = torch.bincount(strata.of_M[kept], minlength=len(strata.share_K))
        lacking = (strata.quotas(wanted) - have > 0).nonzero().flatten().tolist()
        reason += f" in strata {', '.join(map(str, lacking))}"
    return {"short_of": float(short)}, (f"A is {short:,} short of the {wanted:,} that were wanted: {reason}.",)


def _words(rule: Rule, limits: SelectionLimits, sharpest: SharpnessFilter | None) -> str:
    parts = [rule.words]
    if sharpest is not None:
        parts.append(f"the sharpest {sharpest.fraction:.0%} of those")
    if limits.strata is not None:
        parts.append("in the training shares")
    if limits.max_per_parent:
        parts.append(f"a parent at most {limits.max_per_parent} times")
    return ", ".join(parts)


def _check(log_lds_M: Tensor, candidates: Candidates | None, max_per_parent: int) -> None:
    nan = torch.isnan(log_lds_M).nonzero().flatten().tolist()
    if nan:
        raise DataError(
            f"the score of candidate {nan[0]}",
            found=f"not a number ({len(nan)} such scores)",
            expected="log LDS",
            remedy="Score the candidates again; latents that are not finite are refused there.",
        )
    if max_per_parent < 0 or (max_per_parent and candidates is None):
        raise ConfigError(
            "max_per_parent",
            found=str(max_per_parent),
            expected="0, or a positive number and candidates with parents",
            remedy="0 uses a parent as often as it comes.",
        )


def _empty(log_lds_M: Tensor, rule: Rule, funnel: dict[str, int]) -> SelectionError:
    stages = " -> ".join(f"{count:,} {name}" for name, count in funnel.items())
    found, remedy = stages, "Raise top_fraction or augmentation_ratio."
    fraction = rule.fraction if isinstance(rule, Paper) else 1.0
    if isinstance(rule, Paper | Threshold) and count_of(fraction, len(log_lds_M)):
        all_pass, none_pass = feasible_tau(log_lds_M, fraction)
        found += f"; the densest candidate has LDS {plain(none_pass)}"
        remedy = (
            f"A feasible tau is below {plain(none_pass)}; below {plain(all_pass)} the whole top fraction passes. "
            "Or give selection=top, which needs no tau."
        )
    elif "passing" in funnel and len(log_lds_M):
        lowest, highest = log_lds_M.min().item(), log_lds_M.max().item()
        found += f"; log LDS of the candidates is {lowest:.1f} to {highest:.1f}"
        remedy = "Give another mass or sigma, or selection=top, which needs no threshold."
    return SelectionError(
        f"the selection ({rule.words})", found=found, expected="at least one kept candidate", remedy=remedy
    )
