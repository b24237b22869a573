import time
from typing import Any

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from PIL import Image

from lds_mlflow.pictures.report import Report
from lds_mlflow.tracking import Run, Tracker, tags
from lds_mlflow.values import ExampleSet, LatentSet
from tests.servers import PATIENCE_SECONDS


@pytest.fixture
def run(tracker: Tracker) -> Run:
    return tracker.begin("a run", parent=None, values={})


def _metrics(tracker: Tracker, run: Run, name: str) -> list[tuple[int, float]]:
    history: list[Metric] = tracker.client.get_metric_history(run.id, name)
    return [(point.step, point.value) for point in history]


def test_a_parameter_that_is_logged_already_stays(tracker: Tracker, run: Run) -> None:
    tracker.client.log_param(run.id, "sigma", "1e-3")
    run.log_params({"sigma": 0.001, "tau": 0.28})
    assert tracker.client.get_run(run.id).data.params == {"sigma": "1e-3", "tau": "0.28"}


def test_points_of_a_curve_wait_and_are_sent_together(tracker: Tracker, run: Run) -> None:
    run.curve(1, {"loss": 2.0})
    run.curve(2, {"loss": 1.0})
    assert _metrics(tracker, run, "loss") == []
    run.flush()
    assert _metrics(tracker, run, "loss") == [(1, 2.0), (2, 1.0)]


def test_what_is_logged_together_is_one_request(tracker: Tracker, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Any, ...]] = []
    send = tracker.client.log_batch

    def counted(*args: Any) -> None:
        sent.append(args)
        send(*args)

    monkeypatch.setattr(tracker.client, "log_batch", counted)
    with run.together():
        run.log_tags({"a": "1"})
        run.log_params({"sigma": 0.001}, {"tau": 0.28})
        run.log_metrics({"fid": 3.0}, step=2)
        run.log_note("Said.")
        run.log_tags({"a": "2"})
        assert not sent
    assert len(sent) == 1
    data = tracker.client.get_run(run.id).data
    assert (data.params, data.metrics) == ({"sigma": "0.001"}, {"fid": 3.0})
    assert {"a": "2", "mlflow.note.content": "Said."}.items() <= data.tags.items()
    assert tags.OTHER_PARAMETERS in data.tags
    run.log_tags({"b": "3"})
    assert len(sent) == 2


def test_what_is_logged_before_an_exception_is_sent(tracker: Tracker, run: Run) -> None:
    def work() -> None:
        with run.together():
            run.log_tags({"a": "1"})
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        work()
    assert tracker.client.get_run(run.id).data.tags["a"] == "1"


def test_more_tags_and_parameters_than_one_request_holds_all_arrive(tracker: Tracker, run: Run) -> None:
    named = {f"n{number}": str(number) for number in range(250)}
    with run.together():
        run.log_params(named)
        run.log_tags(named)
        run.log_metrics({name: float(value) for name, value in named.items()})
    data = tracker.client.get_run(run.id).data
    assert data.params == named
    assert named.items() <= data.tags.items()
    assert len(data.metrics) == 250


def test_a_run_of_which_the_store_refuses_a_tag_can_still_be_ended(tracker: Tracker, run: Run) -> None:
    with pytest.raises(MlflowException, match="exceeds"):
        run.log_tags({"a" * 300: "1"})
    run.log_tags({"b": "2"})
    run.end("FAILED")
    entity = tracker.client.get_run(run.id)
    assert (entity.info.status, entity.data.tags["b"]) == ("FAILED", "2")


def test_more_points_than_one_request_holds_all_arrive(tracker: Tracker, run: Run) -> None:
    for step in range(1500):
        run.curve(step, {"loss": float(step), "kl": 0.0})
    run.end("FINISHED")
    assert [step for step, _ in _metrics(tracker, run, "loss")] == list(range(1500))


def test_figures_that_are_not_finite_are_left_out(tracker: Tracker, run: Run) -> None:
    run.log_metrics({"good": 1.0, "bad": float("nan"), "worse": float("inf")})
    assert tracker.client.get_run(run.id).data.metrics == {"good": 1.0}


def test_ending_a_run_sends_what_waits_and_names_what_it_stored(tracker: Tracker, run: Run) -> None:
    run.curve(1, {"loss": 2.0})
    run.log_value(LatentSet(torch.zeros(2, 3), torch.zeros(2, 3), ("a", "b")), "latents")
    run.end("FINISHED")
    entity = tracker.client.get_run(run.id)
    assert entity.info.status == "FINISHED"
    assert entity.data.metrics["loss"] == 2.0
    assert len(entity.data.tags[tags.OUTPUT]) == 64


def test_equal_outputs_have_equal_digests_and_others_not(tracker: Tracker) -> None:
    digests = []
    for value in (0.0, 0.0, 1.0):
        run = tracker.begin("a run", parent=None, values={})
        run.log_value(LatentSet(torch.full((2, 3), value), torch.zeros(2, 3), ("a", "b")), "latents")
        run.end("FINISHED")
        digests.append(tracker.client.get_run(run.id).data.tags[tags.OUTPUT])
    assert digests[0] == digests[1] != digests[2]


def test_pictures_and_tables_become_artifacts(tracker: Tracker, run: Run) -> None:
    run.log_picture(Image.new("L", (4, 4)), "pictures/image.png")
    figure = Figure()
    figure.subplots().plot([1, 2])
    run.log_picture(figure, "pictures/figure.png")
    run.log_table(pd.DataFrame({"rank": [1]}), "table.csv")
    paths = {item.path for folder in ("", "pictures") for item in tracker.client.list_artifacts(run.id, folder)}
    assert {"pictures/image.png", "pictures/figure.png", "table.csv"} <= paths


def test_a_data_set_is_logged_with_its_digest_and_context(tracker: Tracker, run: Run) -> None:
    images = ExampleSet("three", torch.zeros(3, 1, 8, 8, dtype=torch.uint8), ("a", "b", "c"))
    run.log_dataset("three", source="here", digest=images.digest, context="train", n_examples=3)
    inputs = tracker.client.get_run(run.id).inputs
    assert inputs is not None
    (logged,) = inputs.dataset_inputs
    assert images.digest.startswith(logged.dataset.digest)
    assert [tag.value for tag in logged.tags] == ["train"]


def test_system_metrics_are_watched(tracker: Tracker, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    run.watch_system()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (watched := tracker.client.get_run(run.id).data.metrics) and time.monotonic() < deadline:
        time.sleep(0.05)
        run.flush()
    assert "system/cpu_utilization_percentage" in watched
    run.end("FINISHED")


def test_a_report_becomes_two_artifacts_and_its_pictures(tracker: Tracker, run: Run) -> None:
    report = Report("What came out")
    report.paragraph("Nothing.")
    report.picture("pictures/dot.png", Image.new("L", (2, 2)), "A dot.")
    run.log_report(report)
    found = {item.path for folder in ("", "pictures") for item in tracker.client.list_artifacts(run.id, folder)}
    assert {"report.md", "report.html", "pictures/dot.png"} <= found


def test_a_figure_whose_name_mlflow_would_refuse_is_logged_under_one_that_it_takes(tracker: Tracker, run: Run) -> None:
    shares = {"class_share/<b>|x": 0.5, "class_share/日本 (1)": 0.25, "class_share/.": 0.125, "class_share/": 0.0}
    run.log_metrics(shares)
    run.log_metrics({"C+": 1.0, "C#": 2.0, "C_": 3.0, "x" * 400: 4.0})
    assert tracker.client.get_run(run.id).data.metrics == {
        "class_share/_b__x": 0.5,
        "class_share/日本 _1_": 0.25,
        "class_share/_": 0.125,
        "class_share/_ 2": 0.0,
        "C_": 1.0,
        "C_ 2": 2.0,
        "C_ 3": 3.0,
        "x" * 240: 4.0,
    }
