"""The claims ledger: what the draft claims, beside what was measured, with a verdict."""

from collections.abc import Iterator
from math import exp, log
from typing import NamedTuple

import pandas as pd

from lds_mlflow.choices.figures import FIGURES, LEVEL, MARGIN
from lds_mlflow.config.arms import BASELINE, CONTROL, LDS, LDS_AND_SHARPNESS, SAMPLE_DENSITY
from lds_mlflow.metrics import NO_DIFFERENCE, TOO_FEW, Comparison, MeanOverSeeds, mean_of_values
from lds_mlflow.metrics.judgement.verdicts import verdict_of
from lds_mlflow.reporting.ablation.results import AblationResults

__all__ = ["NOT_REPRODUCED", "NOT_TESTABLE", "OPPOSITE", "REPRODUCED", "Claim", "ledger"]

REPRODUCED, NOT_REPRODUCED, OPPOSITE = "reproduced", "not reproduced", "opposite"
NOT_TESTABLE = "not testable here"

_TAU, _TOP = 0.28, 0.2
_KEPT = 0.05


class Claim(NamedTuple):
    """A claim of the draft.

    Attributes:
        claim: What the draft claims, and where.
        draft: The figures that the draft gives.
        ours: What was measured here.
        interval: The 95 % interval of what was measured.
        p: The p value of what was measured, not corrected for other claims.
        verdict: reproduced, not reproduced, opposite, or not testable here.
        why: What a reader should know about the verdict.
    """

    claim: str
    draft: str
    ours: str
    interval: str
    p: str
    verdict: str
    why: str


def ledger(results: AblationResults) -> pd.DataFrame:
    """Returns all claims of the draft, one in each row."""
    groups = (_finetuning(results), _sharpness(results), _balance(results), _density(results), _beyond(results))
    return pd.DataFrame([claim for group in groups for claim in group])


def _finetuning(results: AblationResults) -> Iterator[Claim]:
    told = "This does not show that A helps: the next line compares with as many steps without A."
    yield _difference(
        results,
        "Finetuning on train + A lowers FID (table 2)",
        "5.50 to 4.20",
        (LDS, BASELINE),
        ("fid", "lower"),
        why=told,
    )
    yield _difference(
        results,
        "The set A is what lowers FID (implied by section 5)",
        "no control",
        (LDS, CONTROL),
        ("fid", "lower"),
        why="Compared with the control, which has as many steps without A.",
    )
    for name, way in (("density", "higher"), ("coverage", "higher")):
        yield _difference(
            results, f"Finetuning raises D&C (table 2): {name}", "0.52 to 0.58", (LDS, BASELINE), (name, way), why=told
        )
        yield _difference(
            results,
            f"The set A is what raises D&C: {name}",
            "no control",
            (LDS, CONTROL),
            (name, way),
            why="Compared with the control, which has as many steps without A.",
        )


def _sharpness(results: AblationResults) -> Iterator[Claim]:
    pair = (LDS_AND_SHARPNESS, LDS)
    yield _difference(
        results, "LDS + sharpness has a lower FID than LDS (table 1)", "4.15 and 4.20", pair, ("fid", "lower")
    )
    for name in ("density", "coverage"):
        yield _difference(
            results,
            f"LDS + sharpness has a lower D&C than LDS (table 1): {name}",
            "0.45 and 0.58",
            pair,
            (name, "lower"),
        )


def _balance(results: AblationResults) -> Iterator[Claim]:
    skews = "LDS + sharpness makes most samples women (table 1)"
    keeps = "LDS alone keeps the sexes balanced (table 1)"
    share = results.share_of_women
    if share is None:
        for claim, draft in ((skews, "92 %, against 51 %"), (keeps, "51 %")):
            yield _untested(claim, draft, "The data has no classes of women and men.")
        return
    yield _skew(results, share, skews)
    yield _kept(results, share, keeps)


def _skew(results: AblationResults, share: str, claim: str) -> Claim:
    pairs = _paired(results, LDS_AND_SHARPNESS, LDS, share)
    if pairs is None:
        return _untested(claim, "92 %, against 51 %", "An arm was left out, or its shares could not be corrected.")
    found = mean_of_values(pairs)
    return Claim(
        claim,
        "92 %, against 51 %",
        f"difference of {found.value:+.3f} in the corrected share of women",
        f"{found.low:+.3f} to {found.high:+.3f}",
        f"{found.p:.2g}",
        _verdict(found, "higher"),
        "The interval is over seeds. Both arms have the same error of the classifier.",
    )


def _kept(results: AblationResults, share: str, claim: str) -> Claim:
    pairs, levels = _paired(results, LDS, CONTROL, share), results.mean(LDS, share) if LDS in results.test else None
    if pairs is None or levels is None:
        return _untested(claim, "51 %", "An arm was left out, or its shares could not be corrected.")
    found = mean_of_values(pairs)
    training = results.test[LDS][0].metrics[share.replace("class_share_corrected", "train_class_share")]
    return Claim(
        claim,
        "51 %",
        f"difference of {found.value:+.3f} from the control in the corrected share of women",
        f"{found.low:+.3f} to {found.high:+.3f}",
        f"{found.p:.2g}",
        _kept_verdict(found),
        f"The share itself is {levels.value:.3f} ({levels.low:.3f} to {levels.high:.3f}), and {training:.3f} among the "
        f"training examples. Balance counts as kept within {_KEPT} of the control.",
    )


def _kept_verdict(found: MeanOverSeeds) -> str:
    if max(abs(found.low), abs(found.high)) <= _KEPT:
        return REPRODUCED
    return OPPOSITE if min(abs(found.low), abs(found.high)) > _KEPT and found.p < LEVEL else NOT_REPRODUCED


def _density(results: AblationResults) -> Iterator[Claim]:
    if len(results.correlations) == results.seeds:
        found = mean_of_values(results.correlations)
        yield Claim(
            "Samples of high LDS look better (figure 2)",
            "by eye",
            f"rank correlation of {found.value:+.3f} between log LDS and the distance to held-out examples",
            f"{found.low:+.3f} to {found.high:+.3f}",
            f"{found.p:.2g}",
            _verdict(found, "lower"),
            "Measured on the baseline's samples. Those near real examples need not vary: dense ones are common.",
        )
    if LDS in results.augmentations:
        yield _reach(results)


def _reach(results: AblationResults) -> Claim:
    highest = [run.figures["log_lds/max"] for run in results.augmentations[LDS]]
    tenth = [run.figures["log_lds/q90"] for run in results.augmentations[LDS]]
    if max(highest) < log(_TAU):
        verdict, why = (
            NOT_REPRODUCED,
            "No candidate is above the threshold, so A is the densest fifth without it.",
        )
    elif min(tenth) < log(_TAU):
        verdict, why = NOT_REPRODUCED, "Fewer than a tenth of the candidates are above the threshold."
    else:
        verdict, why = REPRODUCED, "A tenth of the candidates or more are above the threshold."
    return Claim(
        "LDS > 0.28 selects the top fifth of the candidates (section 3.2)",
        "tau = 0.28",
        f"the densest candidate has LDS {exp(max(highest)):.3g}",
        f"{exp(min(highest)):.3g} to {exp(max(highest)):.3g} over seeds",
        "",
        verdict,
        why,
    )


def _beyond(results: AblationResults) -> Iterator[Claim]:
    yield _untested(
        "FID 5.50 and 4.20 on CelebA-HQ (tables 1 and 2)",
        "5.50, 4.20",
        "Figures of other data, or of another extractor than Inception, can't be compared with these.",
    )
    beyond = "The method works beyond images (section 6.1)"
    if not results.figures_of_kind:
        yield _untested(beyond, "named", "No other kind of data was tried here.")
        return
    # Where a kind of examples has a distance of its own, people of its field read that one.
    compared = (name for name in results.figures_of_kind if FIGURES[name].is_compared)
    figure = next(compared, "fid")
    for arm, what in ((LDS, "the set A"), (SAMPLE_DENSITY, "samples of the density")):
        why = f"{FIGURES[figure].title}, compared with the control."
        yield _difference(
            results, f"{beyond}: {what}", "named", (arm, CONTROL), (figure, FIGURES[figure].better), why=why
        )


def _difference(
    results: AblationResults, claim: str, draft: str, pair: tuple[str, str], figure: tuple[str, str], *, why: str = ""
) -> Claim:
    arm, reference = pair
    if arm not in results.test or reference not in results.test:
        return _untested(claim, draft, "An arm was left out.")
    name, way = figure
    row = results.compared(arm, reference)[name]
    without, doubt = _beyond_bias(row), results.convergence
    return Claim(
        claim,
        draft,
        f"{row.reference_value:.3g} to {row.value:.3g} ({row.difference:+.3g})",
        f"{row.low:+.3g} to {row.high:+.3g}",
        f"{row.p:.2g}",
        _verdict_of_difference(row, way),
        " ".join(part for part in (why, without, doubt[:1].upper() + doubt[1:]) if part),
    )


def _verdict_of_difference(row: Comparison, way: str) -> str:
    # Each claim is one comparison, whose p is corrected for no others; but a bias of few examples is no verdict.
    if verdict_of(row._replace(p_corrected=row.p), MARGIN) in (NO_DIFFERENCE, TOO_FEW):
        return NOT_REPRODUCED
    return _verdict(MeanOverSeeds(row.difference, row.low, row.high, row.p), way)


def _beyond_bias(row: Comparison) -> str:
    if row.name != "fid":
        return ""
    if row.without_bias != row.without_bias:
        return "FID at infinite samples is not known, so this difference may be a bias of few examples."
    return f"At infinite samples the difference is {row.without_bias:+.3g}."


def _verdict(found: MeanOverSeeds, way: str) -> str:
    if found.p >= LEVEL:
        return NOT_REPRODUCED
    return REPRODUCED if (found.value < 0) == (way == "lower") else OPPOSITE


def _paired(results: AblationResults, arm: str, reference: str, name: str) -> list[float] | None:
    if arm not in results.test or reference not in results.test:
        return None
    pairs = list(zip(results.test[arm], results.test[reference], strict=True))
    if any(name not in found.metrics for pair in pairs for found in pair):
        return None
    return [one.metrics[name] - other.metrics[name] for one, other in pairs]


def _untested(claim: str, draft: str, why: str) -> Claim:
    return Claim(claim, draft, "", "", "", NOT_TESTABLE, why)
