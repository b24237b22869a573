from collections import Counter
from typing import Any

import pytest

from lds_mlflow.tracking import tags
from tests.conftest import MakePipeline


def test_a_run_is_written_at_its_begin_with_its_figures_and_at_its_end(
    make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make_pipeline("encode")
    pipeline.run("train")
    requests, client = Counter[str](), pipeline.runner.tracker.client
    send = client.log_batch

    def counted(run_id: str, *args: Any, **named: Any) -> None:
        requests[run_id] += 1
        send(run_id, *args, **named)

    monkeypatch.setattr(client, "log_batch", counted)
    encoded = pipeline.run("encode")
    assert requests[encoded.id] <= 3
    known = encoded.entity.data.tags
    assert {tags.STEP, tags.FINGERPRINT, tags.INPUTS, tags.SENTENCE, tags.OUTPUT, tags.STORED} <= known.keys()
    assert tags.COST in encoded.entity.data.metrics


def test_alarms_stand_above_the_result_in_the_description(make_pipeline: MakePipeline) -> None:
    trained = make_pipeline("train").run("train")
    assert trained.alarms
    assert trained.note.index(trained.alarms[0]) < trained.note.index("**train**")
