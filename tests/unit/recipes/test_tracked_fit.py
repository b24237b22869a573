import pytest

from lds_mlflow.domains import domain_of
from lds_mlflow.recipes.tracked_fit import FitLog, alarms_of
from lds_mlflow.tracking import Tracker


def test_every_term_of_the_loss_that_was_reported_has_a_curve(tracker: Tracker) -> None:
    log = FitLog(tracker.begin("train", parent=None, values={}), domain_of("images"))
    for step in (50, 100):
        log.on_metrics(step, {"loss": 3.0, "kl": 1.0, "gradient_norm": 0.1, "adversarial": 0.7})
    labels = [axes.get_ylabel() for axes in log.chart("training").axes]
    assert labels == ["loss (nats / image)", "KL (nats / image)", "cost of being told from images"]


@pytest.mark.parametrize(
    ("converged", "active_units", "words"),
    [
        (True, 5, []),
        (None, 5, []),
        (False, 5, ["ended before it was seen that more"]),
        (True, 1, ["The latents have collapsed: at most one"]),
        (False, 0, ["ended before it was seen that more", "The latents have collapsed: at most one"]),
    ],
)
def test_a_training_that_ended_early_and_collapsed_latents_raise_an_alarm_each(
    converged: bool | None, active_units: float, words: list[str]
) -> None:
    found = alarms_of(converged, active_units)
    assert len(found) == len(words)
    assert all(part in text for part, text in zip(words, found, strict=True))


def test_some_curves_are_listed_and_all_of_them_are_in_a_table(tracker: Tracker) -> None:
    run = tracker.begin("train", parent=None, values={})
    log = FitLog(run, domain_of("images"))
    for step in (50, 100):
        log.on_metrics(step, {"loss": 3.0, "gradient_norm": 0.1} | ({"held_out_loss": 4.0} if step == 100 else {}))
    run.flush()
    assert tracker.client.get_run(run.id).data.metrics == {"loss": 3.0, "held_out_loss": 4.0}
    table = log.table()
    assert list(table.columns) == ["step", "loss", "gradient_norm", "held_out_loss"]
    assert table["step"].tolist() == [50, 100]
