"""What a person sees of a study: charts, and what was tried."""

import warnings
from collections import Counter
from collections.abc import Callable

import optuna
import pandas as pd
import plotly.graph_objects as go
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.tracking import Run
from tuning.config import TuneConfig

__all__ = ["charts_page", "importances", "log_study", "trials_table"]

_FEWEST, _MOST_AXES, _MOST_CONTOURS, _CONTOUR_PIXELS = 2, 3, 4, 900
_PAGE = """<!doctype html>
<meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1rem; }} h2 {{ margin: 2rem 0 0; }}</style>
<h1>{title}</h1>
{body}
"""


def log_study(study: Study, run: Run, config: TuneConfig) -> None:
    """Logs the trials as a table and the charts as one page that works without a network, under `study/`."""
    run.log_table(trials_table(study, config), "study/trials.csv")
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) >= _FEWEST:
        run.log_text(charts_page(study, config), "study/charts.html")


def trials_table(study: Study, config: TuneConfig) -> pd.DataFrame:
    """Returns the trials, one a row."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        # Of a pruned trial the storage has the last value on the way.
        of_all_seeds = trial.values if trial.state == TrialState.COMPLETE else ()
        values = dict(zip(config.wanted, of_all_seeds, strict=False))
        rows.append({"trial": trial.number, "state": trial.state.name.lower(), **values, **trial.params})
    return pd.DataFrame(rows)


def charts_page(study: Study, config: TuneConfig) -> str:
    """Returns the charts of a study as a page."""
    with warnings.catch_warnings():
        # Some of these charts are called experimental, and some have nothing to show of few trials.
        warnings.simplefilter("ignore")
        charts = _charts(study, config)
    parts = [
        f"<h2>{title}</h2>\n{chart.to_html(full_html=False, include_plotlyjs=place == 0)}"
        for place, (title, chart) in enumerate(charts.items())
    ]
    return _PAGE.format(title=f"Study {study.study_name}", body="\n".join(parts))


def _charts(study: Study, config: TuneConfig) -> dict[str, go.Figure]:
    show = optuna.visualization
    titles = [FIGURES[name].title for name in config.wanted]
    target: Callable[[FrozenTrial], float] | None = _first if len(titles) > 1 else None
    found = {"History": show.plot_optimization_history(study, target=target, target_name=titles[0])}
    if target is None:
        found["Values on the way"] = show.plot_intermediate_values(study)
    elif len(titles) <= _MOST_AXES:
        found["Pareto front"] = show.plot_pareto_front(study, target_names=titles)
    mattered = importances(study)
    if mattered:
        bars = go.Bar(x=list(mattered.values()), y=list(mattered), orientation="h")
        axes = {"xaxis": {"title": f"share of the variance of {titles[0]}"}, "yaxis": {"autorange": "reversed"}}
        found["Importance"] = go.Figure(bars, axes)
    # Contours of all pairs of a dozen parameters can't be read.
    most = list(mattered)[:_MOST_CONTOURS] if len(mattered) > 1 else None
    return found | {
        "Slices": show.plot_slice(study, target=target, target_name=titles[0]),
        "Parallel coordinates": show.plot_parallel_coordinate(study, target=target, target_name=titles[0]),
        "Contours": show.plot_contour(study, params=most, target=target, target_name=titles[0]).update_layout(
            height=_CONTOUR_PIXELS
        ),
    }


def importances(study: Study) -> dict[str, float]:
    """Returns what share of the first objective's variance each parameter accounts for, largest first (fANOVA).

    It is of the trials that have all parameters which most trials have, and of those parameters: Optuna takes what all
    trials have in common, and the control has next to none.
    """
    alike = _alike(study)
    names = [name for name, values in _values_by_parameter(alike).items() if len(set(values)) > 1]
    values = {trial.values[0] for trial in alike.get_trials(deepcopy=False)}
    if not names or len(values) < _FEWEST:
        return {}
    target = _first if len(study.directions) > 1 else None
    return get_param_importances(alike, params=names, target=target, evaluator=FanovaImportanceEvaluator(seed=0))


def _alike(study: Study) -> Study:
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    having = Counter(name for trial in complete for name in trial.params)
    usual = {name for name, n in having.items() if 2 * n >= len(complete)}
    copy = optuna.create_study(directions=study.directions)
    copy.add_trials([trial for trial in complete if usual <= set(trial.params)])
    return copy


def _values_by_parameter(study: Study) -> dict[str, list[object]]:
    trials = study.get_trials(deepcopy=False)
    names = set.intersection(*(set(trial.params) for trial in trials)) if trials else set[str]()
    return {name: [trial.params[name] for trial in trials] for name in sorted(names)}


def _first(trial: FrozenTrial) -> float:
    return float(trial.values[0])
