"""The tables of an ablation: what was measured of each arm, in words."""

from collections.abc import Sequence

import pandas as pd

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.config.arms import ARMS, BASELINE, CONTROL, LDS
from lds_mlflow.metrics import Comparison, MeanOverSeeds, mean_of_values
from lds_mlflow.pictures import REAL_EXAMPLES
from lds_mlflow.reporting.ablation.results import AblationResults

__all__ = ["arms_table", "finetuning_table", "kind_table"]

_OF_A = "women in A, by the nearer parent"
_WOMEN = "women, corrected"


def arms_table(results: AblationResults, arms: Sequence[str]) -> pd.DataFrame:
    """Returns arms beside real examples, the baseline and the control, one in each row."""
    rows = [BASELINE, CONTROL, *(arm for arm in arms if arm not in (BASELINE, CONTROL))]
    return pd.DataFrame([_real_examples(results), *(_row(results, arm) for arm in rows)])


def finetuning_table(results: AblationResults) -> pd.DataFrame:
    """Returns the baseline, the control, the draft's arm, and the arm that the part select prefers."""
    arms = [arm for arm in dict.fromkeys((BASELINE, CONTROL, LDS, results.chosen)) if arm in results.test]
    table = arms_table(results, arms)
    marks = {ARMS[results.chosen].title: " [preferred by the part select]"}
    return table.assign(arm=[f"{title}{marks.get(title, '')}" for title in table["arm"]])


def kind_table(results: AblationResults) -> pd.DataFrame:
    """Returns the figures that only this kind of examples has, of every arm, one in each row."""
    rows = [_figure_row(results, arm, name) for name in results.figures_of_kind for arm in results.test]
    return pd.DataFrame(rows)


def _figure_row(results: AblationResults, arm: str, name: str) -> dict[str, str]:
    figure, row = FIGURES[name], results.against_control.get((arm, name))
    real = results.first.metrics.get(f"floor_{name}")
    return {
        "figure": figure.title,
        "better": "" if figure.better == "neither" else figure.better,
        "arm": ARMS[arm].title,
        "value": _in_words(results.mean(arm, name)),
        REAL_EXAMPLES: "" if real is None else f"{real:.3g}",
        "minus control": "" if row is None else f"{row.difference:+.3g} ({row.low:+.3g} to {row.high:+.3g})",
        "p, Holm": "" if row is None else f"{row.p_corrected:.2g}",
        "is": _verdict_of(row),
    }


def _row(results: AblationResults, arm: str) -> dict[str, str]:
    fid = results.against_control.get((arm, "fid"))
    share = results.share_of_women
    row = {
        "arm": ARMS[arm].title,
        "FID": _in_words(results.mean(arm, "fid")),
        "minus control": "" if fid is None else f"{fid.difference:+.3g} ({fid.low:+.3g} to {fid.high:+.3g})",
        "p": "" if fid is None else f"{fid.p:.2g}",
        "p, Holm": "" if fid is None else f"{fid.p_corrected:.2g}",
        "FID is": "" if fid is None else fid.verdict,
        "Density": _in_words(results.mean(arm, "density")),
        "Coverage": _in_words(results.mean(arm, "coverage")),
        "Coverage is": _verdict_of(results.against_control.get((arm, "coverage"))),
        "nearest-neighbour ratio": _in_words(results.mean(arm, "nearest_ratio")),
        "tail share": _in_words(results.mean(arm, "tail_share")),
    }
    if share:
        own = results.women_of_A.get(arm)
        of_A = "" if own is None else _in_words(mean_of_values(own))
        return row | {_WOMEN: _in_words(results.mean(arm, share)), _OF_A: of_A}
    gap = "class_share_gap_corrected" if results.mean(arm, "class_share_gap_corrected") else "class_share_gap"
    return row | {"class share gap": _in_words(results.mean(arm, gap)) if results.mean(arm, gap) else ""}


def _real_examples(results: AblationResults) -> dict[str, str]:
    metrics, share = results.first.metrics, results.share_of_women
    last = (
        {_WOMEN: f"{metrics[share.replace('class_share_corrected', 'train_class_share')]:.3g}", _OF_A: ""}
        if share
        else {}
    )
    row = {
        "arm": f"{REAL_EXAMPLES} (training part)",
        "FID": f"{metrics['floor_fid']:.3g}",
        **dict.fromkeys(("minus control", "p", "p, Holm", "FID is"), ""),
        "Density": f"{metrics['floor_density']:.3g}",
        "Coverage": f"{metrics['floor_coverage']:.3g}",
        "Coverage is": "",
        "nearest-neighbour ratio": "1",
        "tail share": "0.01",
    }
    return row | (last or {"class share gap": f"{metrics.get('floor_class_share_gap', float('nan')):.3g}"})


def _in_words(found: MeanOverSeeds | None) -> str:
    return "" if found is None else f"{found.value:.3g} ({found.low:.3g} to {found.high:.3g})"


def _verdict_of(row: Comparison | None) -> str:
    return "" if row is None else row.verdict
