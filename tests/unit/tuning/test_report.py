import re
from base64 import b64decode
from io import BytesIO

import matplotlib.pyplot as plt
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial
from PIL import Image

from tuning.config import TuneConfig
from tuning.report import charts_page, importances, trials_table

CONFIG = TuneConfig()


@pytest.fixture
def study() -> optuna.Study:
    """See `_study`."""
    return _study(24)


def _study(n: int, steps: int = 2) -> optuna.Study:
    """Returns a study of n trials: the figure depends on sigma_multiplier alone; every fourth trial is the control."""
    study = optuna.create_study()
    unit = FloatDistribution(0, 1)
    for i in range(n):
        params: dict[str, object] = {"augment_run": "none"}
        if i % 4:
            params = {"augment_run": "auto", "sigma_multiplier": i * 0.37 % 1, "top_fraction": i * 0.71 % 1}
        kinds = {"augment_run": CategoricalDistribution(["auto", "none"])}
        study.add_trial(
            create_trial(
                value=10 * float(str(params.get("sigma_multiplier", 0.5))),
                params=params,
                distributions={name: kinds.get(name, unit) for name in params},
                intermediate_values=dict.fromkeys(range(steps), 1.0),
            )
        )
    study.add_trial(create_trial(state=TrialState.FAIL))
    return study


def test_what_mattered_is_told_of_the_trials_that_have_it(study: optuna.Study) -> None:
    found = importances(study)
    assert next(iter(found)) == "sigma_multiplier"
    assert found["sigma_multiplier"] > 0.9
    assert sum(found.values()) == pytest.approx(1)


def test_nothing_is_said_to_matter_where_nothing_was_varied() -> None:
    assert importances(optuna.create_study()) == {}


@pytest.mark.parametrize(("n", "has_contours"), [(40, True), (8, False)])
def test_the_page_has_all_charts_is_small_and_asks_for_nothing_from_elsewhere(n: int, has_contours: bool) -> None:
    page = charts_page(_study(n), CONFIG)
    titles = ("History", "Intermediate values", "Importance", "Slices", "Parallel coordinates")
    assert all(f"<h2>{title}</h2>" in page for title in titles)
    assert ("<h2>Contours</h2>" in page) is has_contours
    assert 'src="http' not in page
    assert len(page) < 1_000_000
    widths = [Image.open(BytesIO(b64decode(png))).width for png in re.findall(r"base64,([^\"]+)", page)]
    assert max(widths) < 1500


def test_values_on_the_way_are_drawn_where_trials_have_several() -> None:
    assert "<h2>Intermediate values</h2>" not in charts_page(_study(8, steps=1), CONFIG)


def test_charts_leave_the_style_of_others_and_no_figure_behind() -> None:
    before = dict(plt.rcParams)
    charts_page(_study(8), CONFIG)
    assert dict(plt.rcParams) == before
    assert plt.get_fignums() == []


def test_of_several_objectives_there_is_a_pareto_front() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    for i in range(4):
        distributions: dict[str, optuna.distributions.BaseDistribution] = {"gamma": FloatDistribution(-1, 1)}
        study.add_trial(create_trial(values=[i, i], params={"gamma": i / 4}, distributions=distributions))
    assert "<h2>Pareto front</h2>" in charts_page(study, TuneConfig(objectives="fid, coverage"))


def test_the_table_has_every_trial(study: optuna.Study) -> None:
    table = trials_table(study, CONFIG)
    assert table["state"].value_counts().to_dict() == {"complete": 24, "fail": 1}
    assert table["fid"].notna().sum() == 24
