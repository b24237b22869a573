"""The command line of `tune` as a person types it, in this process."""

import pytest
from click.testing import CliRunner

from lds_mlflow.tracking import Tracker
from tuning.command import tune


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--trails=3", "there is no parameter trails; the nearest is trials"),
        ("--trials=none", "trials=none"),
        ("--ranges=sigma", "ranges"),
    ],
)
def test_a_wrong_parameter_is_named_before_a_run_begins(flag: str, message: str, tracker: Tracker) -> None:
    done = CliRunner().invoke(tune, [flag])
    assert done.exit_code == 1
    assert message in done.stderr
    assert tracker.client.search_runs([tracker.experiment_id]) == []


def test_the_help_text_lists_the_parameters_of_a_search() -> None:
    done = CliRunner().invoke(tune, ["--help-all"])
    assert done.exit_code == 0
    assert all(flag in done.output for flag in ("--trials", "--ranges", "--storage", "--fresh_seeds", "--tau"))
