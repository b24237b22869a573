from lds_mlflow.domains import domain_of
from lds_mlflow.recipes.tracked_fit import FitLog
from lds_mlflow.tracking import Tracker


def test_every_term_of_the_loss_that_was_reported_has_a_curve(tracker: Tracker) -> None:
    log = FitLog(tracker.begin("train", parent=None, values={}), domain_of("images"))
    for step in (50, 100):
        log.on_metrics(step, {"loss": 3.0, "kl": 1.0, "gradient_norm": 0.1, "adversarial": 0.7})
    labels = [axes.get_ylabel() for axes in log.chart("training").axes]
    assert labels == ["loss (nats / image)", "KL (nats / image)", "cost of being told from images"]
