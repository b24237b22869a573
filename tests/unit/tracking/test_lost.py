import pytest

from lds_mlflow.errors import GoneError
from lds_mlflow.tracking.lost import LostRun

RUN = "ab" * 16


@pytest.fixture
def lost() -> LostRun:
    return LostRun(RUN, step="data", digest="12cd", tracking_uri="sqlite:///none.db", experiment_id="0")


def test_a_lost_run_still_counts_among_the_inputs_of_another(lost: LostRun) -> None:
    assert (lost.id, lost.step, lost.digest) == (RUN, "data", "12cd")
    assert lost.missing() == "its record is gone"


def test_whoever_reads_from_a_lost_run_is_told_which_run_is_gone(lost: LostRun) -> None:
    for read in (
        lambda: lost.params["data"],
        lambda: lost.metrics["train_examples"],
        lambda: lost.inputs["data"],
        lambda: lost.folder("train"),
    ):
        with pytest.raises(GoneError, match=f"{RUN}.*record.* is gone"):
            read()


def test_what_is_only_searched_among_its_figures_is_not_there(lost: LostRun) -> None:
    assert "reserve_examples" not in lost.metrics
    assert not lost.params
