from collections.abc import Callable

import pytest

from lds_mlflow.tracking import NotMadeYetError, PlannedRun
from lds_mlflow.values import ModelWeights


def _planned() -> PlannedRun:
    return PlannedRun("34cd" * 16, step="finetune", inputs={"train": PlannedRun("12ab" * 16, step="train", inputs={})})


def test_a_planned_run_knows_its_step_what_it_would_read_and_what_identifies_it() -> None:
    run = _planned()
    assert (run.step, run.digest, run.missing()) == ("finetune", run.id, "")
    assert run.inputs == {"train": "12ab" * 16}
    assert run.made_from["train"].step == "train"


@pytest.mark.parametrize(
    "ask",
    [
        lambda run: run.params,
        lambda run: run.metrics,
        lambda run: run.load(ModelWeights, "model"),
        lambda run: run.folder("pictures"),
    ],
)
def test_what_will_be_known_when_it_is_made_is_not_known_yet(ask: Callable[[PlannedRun], object]) -> None:
    with pytest.raises(NotMadeYetError):
        ask(_planned())
