"""The claims ledger: what the draft says, beside what was measured, with a verdict."""

from collections.abc import Iterator
from math import exp, log
from typing import NamedTuple

import pandas as pd

from lds_mlflow.config.arms import BASELINE, CONTROL, LDS, LDS_AND_SHARPNESS
from lds_mlflow.metrics import Comparison, OverSeeds, mean_of_values
from lds_mlflow.reporting.ablation.results import ArmsRead

__all__ = ["NOT_REPRODUCED", "NOT_TESTABLE", "OPPOSITE", "REPRODUCED", "Claim", "ledger"]

REPRODUCED, NOT_REPRODUCED, OPPOSITE = "reproduced", "not reproduced", "opposite"
NOT_TESTABLE = "not testable here"

_LEVEL = 0.05
_TAU, _TOP = 0.28, 0.2
_KEPT = 0.05


class Claim(NamedTuple):
    """A claim of the draft.

    Attributes:
        claim: What it says, and where.
        draft: Its figures.
        ours: What was measured.
        interval: The 95 % interval of that.
        p: Its p value, of this claim alone.
        verdict: reproduced, not reproduced, opposite, or not testable here.
        why: What to know about the verdict.
    """

    claim: str
    draft: str
    ours: str
    interval: str
    p: str
    verdict: str
    why: str


def ledger(read: ArmsRead) -> pd.DataFrame:
    """Returns all claims of the draft, one a row."""
    return pd.DataFrame([*_finetuning(read), *_sharpness(read), *_balance(read), *_density(read), *_beyond()])


def _finetuning(read: ArmsRead) -> Iterator[Claim]:
    told = "It says nothing of A: the control tells what as many steps without A do."
    yield _difference(
        read,
        "Finetuning on train + A lowers FID (table 2)",
        "5.50 to 4.20",
        (LDS, BASELINE),
        ("fid", "lower"),
        why=told,
    )
    yield _difference(
        read,
        "... and it is A that does (implied by section 5)",
        "no control",
        (LDS, CONTROL),
        ("fid", "lower"),
        why="Against as many steps without A.",
    )
    for name, way in (("density", "higher"), ("coverage", "higher")):
        yield _difference(
            read, f"Finetuning raises D&C (table 2): {name}", "0.52 to 0.58", (LDS, BASELINE), (name, way), why=told
        )
        yield _difference(
            read,
            f"... and it is A that does: {name}",
            "no control",
            (LDS, CONTROL),
            (name, way),
            why="Against as many steps without A.",
        )


def _sharpness(read: ArmsRead) -> Iterator[Claim]:
    pair = (LDS_AND_SHARPNESS, LDS)
    yield _difference(
        read, "LDS + sharpness has a lower FID than LDS (table 1)", "4.15 and 4.20", pair, ("fid", "lower")
    )
    for name in ("density", "coverage"):
        yield _difference(
            read,
            f"LDS + sharpness has a lower D&C than LDS (table 1): {name}",
            "0.45 and 0.58",
            pair,
            (name, "lower"),
        )


def _balance(read: ArmsRead) -> Iterator[Claim]:
    skews = "LDS + sharpness makes most samples women (table 1)"
    keeps = "LDS alone keeps the sexes balanced (table 1)"
    share = read.share_of_women
    if share is None:
        for claim, draft in ((skews, "92 %, against 51 %"), (keeps, "51 %")):
            yield _untested(claim, draft, "The images have no classes female and male.")
        return
    yield _skew(read, share, skews)
    yield _kept(read, share, keeps)


def _skew(read: ArmsRead, share: str, claim: str) -> Claim:
    pairs = _paired(read, LDS_AND_SHARPNESS, LDS, share)
    if pairs is None:
        return _untested(claim, "92 %, against 51 %", "The arms were left out, or their shares couldn't be corrected.")
    found = mean_of_values(pairs)
    return Claim(
        claim,
        "92 %, against 51 %",
        f"{found.value:+.3f} in the share of women, corrected",
        f"{found.low:+.3f} to {found.high:+.3f}",
        f"{found.p:.2g}",
        _verdict(found, "higher"),
        "Over seeds; the classifier's error is common to both.",
    )


def _kept(read: ArmsRead, share: str, claim: str) -> Claim:
    pairs, levels = _paired(read, LDS, CONTROL, share), read.mean(LDS, share) if LDS in read.test else None
    if pairs is None or levels is None:
        return _untested(claim, "51 %", "The arms were left out, or their shares couldn't be corrected.")
    found = mean_of_values(pairs)
    training = read.test[LDS][0].metrics[share.replace("class_share_corrected", "train_class_share")]
    return Claim(
        claim,
        "51 %",
        f"{found.value:+.3f} in the share of women, corrected, against the control",
        f"{found.low:+.3f} to {found.high:+.3f}",
        f"{found.p:.2g}",
        _kept_verdict(found),
        f"The shares themselves: {levels.value:.3f} ({levels.low:.3f} to {levels.high:.3f}), of the training images "
        f"{training:.3f}. Kept is within {_KEPT} of the control.",
    )


def _kept_verdict(found: OverSeeds) -> str:
    if max(abs(found.low), abs(found.high)) <= _KEPT:
        return REPRODUCED
    return OPPOSITE if min(abs(found.low), abs(found.high)) > _KEPT and found.p < _LEVEL else NOT_REPRODUCED


def _density(read: ArmsRead) -> Iterator[Claim]:
    if len(read.correlations) == read.seeds:
        found = mean_of_values(read.correlations)
        yield Claim(
            "Samples of high LDS look better (figure 2)",
            "by eye",
            f"rank correlation of log LDS with the distance to held-out images {found.value:+.3f}",
            f"{found.low:+.3f} to {found.high:+.3f}",
            f"{found.p:.2g}",
            _verdict(found, "lower"),
            "Of the baseline's samples. Nearer is not more various: dense samples are the common ones.",
        )
    if LDS in read.augmentations:
        yield _reach(read)


def _reach(read: ArmsRead) -> Claim:
    highest = [run.metrics["log_lds/max"] for run in read.augmentations[LDS]]
    tenth = [run.metrics["log_lds/q90"] for run in read.augmentations[LDS]]
    if max(highest) < log(_TAU):
        verdict, why = NOT_REPRODUCED, "No candidate is above the threshold, so A is the top fifth without it."
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


def _beyond() -> Iterator[Claim]:
    yield _untested(
        "FID 5.50 and 4.20 on CelebA-HQ (tables 1 and 2)",
        "5.50, 4.20",
        "Other images, and another extractor than Inception, give figures that can't be compared.",
    )
    yield _untested("The method works beyond images (section 6.1)", "named", "There are no other domains here.")


def _difference(
    read: ArmsRead, claim: str, draft: str, pair: tuple[str, str], figure: tuple[str, str], *, why: str = ""
) -> Claim:
    arm, reference = pair
    if arm not in read.test or reference not in read.test:
        return _untested(claim, draft, "An arm was left out.")
    name, way = figure
    row = read.compared(arm, reference)[name]
    without = _beyond_bias(row)
    return Claim(
        claim,
        draft,
        f"{row.reference_value:.3g} to {row.value:.3g} ({row.difference:+.3g})",
        f"{row.low:+.3g} to {row.high:+.3g}",
        f"{row.p:.2g}",
        _verdict(OverSeeds(row.difference, row.low, row.high, row.p), way),
        " ".join(part for part in (why, without) if part),
    )


def _beyond_bias(row: Comparison) -> str:
    if row.name != "fid":
        return ""
    if row.without_bias != row.without_bias:
        return "FID at infinite samples isn't known, so few images may bias it."
    return f"At infinite samples {row.without_bias:+.3g}."


def _verdict(found: OverSeeds, way: str) -> str:
    if found.p >= _LEVEL:
        return NOT_REPRODUCED
    return REPRODUCED if (found.value < 0) == (way == "lower") else OPPOSITE


def _paired(read: ArmsRead, arm: str, reference: str, name: str) -> list[float] | None:
    if arm not in read.test or reference not in read.test:
        return None
    pairs = list(zip(read.test[arm], read.test[reference], strict=True))
    if any(name not in found.metrics for pair in pairs for found in pair):
        return None
    return [one.metrics[name] - other.metrics[name] for one, other in pairs]


def _untested(claim: str, draft: str, why: str) -> Claim:
    return Claim(claim, draft, "", "", "", NOT_TESTABLE, why)
