"""The report of a study: charts, and a table of its trials."""

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import optuna
import optuna.visualization.matplotlib as show
import pandas as pd
from matplotlib.figure import Figure
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.pictures.charts import BLUE
from lds_mlflow.pictures.report import Report
from lds_mlflow.tracking import Run
from tuning.config import TuneConfig

__all__ = ["charts_page", "importances", "log_study", "trials_table"]

_FEWEST, _AXES, _MOST_PARAMETERS, _FEWEST_FOR_CONTOURS, _LONGEST_LEGEND = 2, 2, 4, 20, 4
_CAPTIONS = {
    "History": "The figure of each trial in the order in which they were begun, and the best so far.",
    "Intermediate values": "A trial's figure after each third of a seed's steps; one that will hardly win is stopped.",
    "Pareto front": "The trials by both figures; no other trial is better by both than those of the front.",
    "Importance": "The share of the figure's variance over the trials that each parameter explains, by fANOVA.",
    "Slices": "The figure against each of the parameters that explain most of it.",
    "Parallel coordinates": "Each trial as a line through its parameters, coloured by its figure.",
    "Contours": "The figure over the two parameters that explain most of it, interpolated between the trials.",
}


def log_study(study: Study, run: Run, config: TuneConfig) -> None:
    """Logs the trials as a table and the charts as one page that works without a network, under `study/`."""
    run.log_table(trials_table(study, config), "study/trials.csv")
    if len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))) >= _FEWEST:
        run.log_text(charts_page(study, config), "study/charts.html")


def trials_table(study: Study, config: TuneConfig) -> pd.DataFrame:
    """Returns a table with one row for each trial."""
    rows = []
    for trial in study.get_trials(deepcopy=False):
        # For a pruned trial, the storage holds the last intermediate value.
        of_all_seeds = trial.values if trial.state == TrialState.COMPLETE else ()
        values = dict(zip(config.wanted, of_all_seeds, strict=False))
        rows.append({"trial": trial.number, "state": trial.state.name.lower(), **values, **trial.params})
    return pd.DataFrame(rows)


def charts_page(study: Study, config: TuneConfig) -> str:
    """Returns the charts of a study as a page that loads nothing."""
    report = Report(f"Study {study.study_name}")
    # Optuna's charts change matplotlib's style, some are called experimental, and some have nothing to show.
    with warnings.catch_warnings(), plt.rc_context():
        warnings.simplefilter("ignore")
        for title, chart in _charts(study, config).items():
            report.heading(title)
            report.picture(f"{title.lower().replace(' ', '_')}.png", chart, _CAPTIONS[title])
            plt.close(chart)
    return report.html()


def _charts(study: Study, config: TuneConfig) -> dict[str, Figure]:
    """Returns the charts by their titles; those that need more trials or parameters are left out."""
    title = FIGURES[config.wanted[0]].title
    target: Callable[[FrozenTrial], float] | None = _first if len(config.wanted) > 1 else None
    found = {"History": _figure(show.plot_optimization_history(study, target=target, target_name=title), 9, 4)}
    steps = {step for trial in study.get_trials(deepcopy=False) for step in trial.intermediate_values}
    if target is None and len(steps) > 1:
        found["Intermediate values"] = _figure(show.plot_intermediate_values(study), 9, 4)
    if len(config.wanted) == _AXES:
        names = [FIGURES[name].title for name in config.wanted]
        found["Pareto front"] = _figure(show.plot_pareto_front(study, target_names=names), 7, 5)
    mattered = importances(study)
    if not mattered:
        return found
    found["Importance"] = _importance_chart(mattered, title)
    most = list(mattered)[:_MOST_PARAMETERS]
    slices = show.plot_slice(study, params=most, target=target, target_name=title)
    found["Slices"] = _figure(slices, 3 * len(most), 5)
    if len(most) > 1:
        lines = show.plot_parallel_coordinate(study, params=most, target=target, target_name=title)
        found["Parallel coordinates"] = _figure(lines, 2.5 * len(most), 4)
    n_complete = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
    if len(most) > 1 and n_complete >= _FEWEST_FOR_CONTOURS:
        contours = show.plot_contour(study, params=most[:2], target=target, target_name=title)
        found["Contours"] = _figure(contours, 7, 5)
    return found


def _figure(axes: Any, width: float, height: float) -> Figure:
    """Returns the figure of some axes with a size in inches, without a legend that names every trial."""
    several = np.ravel(axes)
    figure: Figure = several[0].figure
    figure.set_size_inches(width, height)
    if len(several) == 1:
        figure.set_layout_engine("tight")
        legend = several[0].get_legend()
        if legend is not None and len(legend.get_texts()) > _LONGEST_LEGEND:
            legend.remove()
    return figure


def _importance_chart(shares: Mapping[str, float], title: str) -> Figure:
    figure = Figure(figsize=(9, 1 + 0.3 * len(shares)), layout="constrained")
    axes = figure.subplots()
    axes.barh(list(shares), list(shares.values()), color=BLUE)
    axes.invert_yaxis()
    axes.set_xlabel(f"share of the variance of {title} (fANOVA)")
    return figure


def importances(study: Study) -> dict[str, float]:
    """Returns the share of the first objective's variance that each parameter explains, largest first (fANOVA).

    Only trials with all of the usual parameters count, that is, those that most trials have: Optuna uses the parameters
    that all given trials have in common, and the control has hardly any.
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
