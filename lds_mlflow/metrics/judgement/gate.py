"""Whether a model may take another's place, by the select part.

One figure has to be better, with the interval of the paired difference clear of zero; and nothing else may be lost for
it: coverage, the distance to the training examples, and the balance of classes stay within limits.
"""

from typing import NamedTuple

from lds_mlflow.choices.figures import FIGURES, LEAST_NEAREST_RATIO, MARGIN, MOST_TAIL_SHARE
from lds_mlflow.metrics.judgement.copies import allowed_tail_share, copy_limits
from lds_mlflow.metrics.judgement.preference import require_select
from lds_mlflow.metrics.judgement.verdicts import BETTER, Comparison, compare_evaluations, verdict_of
from lds_mlflow.values import Evaluation

__all__ = ["Decision", "Limit", "Limits", "decide"]

_BIAS = "class_share_gap_corrected"


class Limits(NamedTuple):
    """What a candidate may not be worse by.

    Attributes:
        coverage_loss: How much lower than the champion's its Coverage may be.
        share_gap_gain: How much larger its corrected class share gap may be.
        least_nearest_ratio: The least nearest-neighbour ratio of its samples; None: that of `copy_limits`.
        most_tail_share: The largest tail share of its samples; None: that of `copy_limits`.
    """

    coverage_loss: float
    share_gap_gain: float
    least_nearest_ratio: float | None = None
    most_tail_share: float | None = None


class Limit(NamedTuple):
    """One condition of a decision.

    Attributes:
        name: The figure that it is on, by its name in FIGURES.
        holds: Whether the candidate keeps it.
        says: What was found, and what the limit is.
    """

    name: str
    holds: bool
    says: str


class Decision(NamedTuple):
    """Whether a candidate takes the champion's place, and why.

    Attributes:
        limits: All conditions, the first of which is the figure that has to be better.
        comparisons: The candidate against the champion, by every figure that is compared; none without a champion.
    """

    limits: tuple[Limit, ...]
    comparisons: tuple[Comparison, ...]

    @property
    def promotes(self) -> bool:
        """Whether all conditions hold."""
        return all(limit.holds for limit in self.limits)

    @property
    def sentence(self) -> str:
        """The conditions that failed; where there are none, all."""
        shown = self.limits if self.promotes else [limit for limit in self.limits if not limit.holds]
        return "; ".join(limit.says for limit in shown)


def decide(
    candidate: Evaluation, champion: Evaluation | None, *, figure: str, limits: Limits, replicates: int = 10_000
) -> Decision:
    """Decides whether a candidate takes the champion's place.

    Args:
        candidate: By the part select.
        champion: The same of the model whose place it would take, or None where there is none: then the candidate has
            but to keep its distance from the training examples, in the mean and in the tail.
        figure: What it has to be better in, one of COMPARED of which one way is better.
        limits: What else it has to keep.
        replicates: Bootstrap replicates.

    Raises:
        ProtocolError: An evaluation was made by the test part.
        DataError: The two weren't made by the same examples, seeds and extractor.
    """
    require_select(candidate)
    copies = (_keeps_distance(candidate, limits), _keeps_tail(candidate, limits))
    if champion is None:
        return Decision(copies, ())
    require_select(champion)
    rows = compare_evaluations({"champion": champion, "candidate": candidate}, replicates=replicates)
    by_name = {row.name: row for row in rows}
    kept = (_is_better(by_name[figure]), _keeps_coverage(by_name["coverage"], limits), *copies)
    balance = (_keeps_balance(by_name[_BIAS], limits),) if _BIAS in by_name else ()
    return Decision((*kept, *balance), tuple(rows))


def _is_better(row: Comparison) -> Limit:
    # One figure is asked, and named beforehand: its p is corrected for no others.
    verdict = verdict_of(row._replace(p_corrected=row.p), MARGIN)
    title, holds = FIGURES[row.name].title, verdict == BETTER
    clear = "better" if holds else f"not clearly better ({verdict})"
    ends = f"{row.low:+.3g} to {row.high:+.3g}"
    says = f"{title} {row.value:.4g} against {row.reference_value:.4g} ({row.difference:+.3g}, {ends}): {clear}"
    return Limit(row.name, holds, says)


def _keeps_coverage(row: Comparison, limits: Limits) -> Limit:
    return _within(row, -row.difference, limits.coverage_loss, "lower")


def _keeps_balance(row: Comparison, limits: Limits) -> Limit:
    return _within(row, row.difference, limits.share_gap_gain, "larger")


def _within(row: Comparison, loss: float, most: float, way: str) -> Limit:
    title = FIGURES[row.name].title
    found = f"{title} {row.value:.3g} against {row.reference_value:.3g}"
    return Limit(row.name, loss <= most, f"{found} (at most {most:g} {way} is allowed)")


def _keeps_distance(candidate: Evaluation, limits: Limits) -> Limit:
    ratio, name = candidate.metrics["nearest_ratio"], "nearest_ratio"
    usual, asked = copy_limits(candidate.metrics).least_nearest_ratio, limits.least_nearest_ratio
    least = usual if asked is None else asked
    why = _why(asked is None and usual != LEAST_NEAREST_RATIO)
    says = f"{FIGURES[name].title} {ratio:.3g} (at least {least:.3g} is asked for{why})"
    return Limit(name, ratio >= least, says)


def _keeps_tail(candidate: Evaluation, limits: Limits) -> Limit:
    share, name, n = candidate.metrics["tail_share"], "tail_share", candidate.n_samples
    usual, asked = copy_limits(candidate.metrics).most_tail_share, limits.most_tail_share
    limit = usual if asked is None else asked
    most, why = allowed_tail_share(limit, n), _why(asked is None and usual != MOST_TAIL_SHARE)
    allowed = f"at most {limit:.3g} is allowed{why}, {most:.3g} with chance"
    says = f"{FIGURES[name].title} {share:.3g} of {n:,} samples ({allowed})"
    return Limit(name, share <= most, says)


def _why(is_of_reconstructions: bool) -> str:
    return ", as its reconstructions of unseen examples have it" if is_of_reconstructions else ""
