r"""Which candidates make the augmentation set A.

The draft's rule (section 3.2): "LDS(z) > tau = 0.28, the top 20 % of the candidates". To the letter both hold: a kept
candidate is above tau and among the top fraction. The rule "top" asks for the fraction alone, since tau = 0.28 can't be
reached by most latents: where they are a centred Gaussian and sigma is a fifth of their mean norm, LDS is at most
26^(-1/2) = 0.196 in any dimension.
"""

from math import exp, floor, log

import torch
from torch import Tensor

from lds_mlflow.errors import ConfigError, SelectionError
from lds_mlflow.values import Funnel, Selection

__all__ = ["SELECTION_RULES", "feasible_tau", "select"]

SELECTION_RULES = ("top", "paper", "random")
"""top: the densest fraction. paper: that, and above tau. random: as many, whatever their score (a control)."""


def select(
    log_lds_M: Tensor,
    *,
    rule: str,
    top_fraction: float,
    tau: float,
    generator: torch.Generator,
) -> Selection:
    """Keeps candidates by a rule, the densest first. Ties go to the earlier candidate.

    Args:
        log_lds_M: Scores, float64 [M].
        rule: One of SELECTION_RULES.
        top_fraction: Share of the M candidates that is kept at most, in (0, 1].
        tau: Threshold on LDS (not on its logarithm), above 0; the rule "paper" alone uses it.
        generator: The randomness of the rule "random".

    Raises:
        ConfigError: There is no such rule.
        SelectionError: Nothing is left.
    """
    if rule not in SELECTION_RULES:
        raise ConfigError(
            "selection", found=rule, expected=f"one of {', '.join(SELECTION_RULES)}", remedy="top is the default."
        )
    n = len(log_lds_M)
    order = torch.argsort(log_lds_M, descending=True, stable=True)
    # The tolerance keeps 0.29 * 100 = 28.999... at 29.
    n_top = floor(top_fraction * n + 1e-9)
    above_tau = None
    top = order[:n_top]
    if rule == "random":
        drawn = torch.randperm(n, generator=generator)[:n_top]
        kept = drawn[torch.argsort(log_lds_M[drawn], descending=True, stable=True)]
        words = f"a random {top_fraction:.0%} of the candidates"
    elif rule == "paper":
        passes = log_lds_M > log(tau)
        above_tau = int(passes.sum())
        kept = top[passes[top]]
        words = f"LDS > {tau:g} and in the top {top_fraction:.0%}"
    else:
        kept = top
        words = f"the top {top_fraction:.0%} by LDS"
    funnel = Funnel(candidates=n, above_tau=above_tau, in_top_fraction=n_top, kept=len(kept))
    if not len(kept):
        raise _empty(log_lds_M, funnel, words, top_fraction)
    return Selection(index_A=kept, rule=words, funnel=funnel)


def feasible_tau(log_lds_M: Tensor, top_fraction: float) -> tuple[float, float]:
    """Returns log tau below which the whole top fraction passes, and log tau from which on nothing does."""
    n_top = max(1, floor(top_fraction * len(log_lds_M) + 1e-9))
    falling = torch.sort(log_lds_M, descending=True).values
    return falling[n_top - 1].item(), falling[0].item()


def _empty(log_lds_M: Tensor, funnel: Funnel, words: str, top_fraction: float) -> SelectionError:
    if not funnel.in_top_fraction:
        return SelectionError(
            f"the selection ({words})",
            found=f"a top fraction of {funnel.candidates} candidates that is none of them",
            expected="at least one kept candidate",
            remedy="Raise top_fraction or augmentation_ratio.",
        )
    all_pass, none_pass = feasible_tau(log_lds_M, top_fraction)
    return SelectionError(
        f"the selection ({words})",
        found=f"{funnel.candidates:,} candidates -> {funnel.above_tau} above tau -> {funnel.kept} kept; "
        f"the densest candidate has LDS {_plain(none_pass)}",
        expected="at least one kept candidate",
        remedy=f"A feasible tau is below {_plain(none_pass)}; below {_plain(all_pass)} the whole top fraction passes. "
        "Or give selection=top, which needs no tau.",
    )


def _plain(log_value: float) -> str:
    value = exp(log_value)
    return f"{value:.3g}" if value > 1e-300 else f"exp({log_value:.1f})"
