"""Promotion where several machines share one server."""

import pytest

from lds_mlflow.tracking import CHAMPION, Tracker, tags
from tests.conftest import MakePipeline
from tests.end_to_end.conftest import Start, on_the_server
from tests.servers import PATIENCE_SECONDS

pytestmark = pytest.mark.end_to_end
NAME = "digits"


@on_the_server
def test_of_two_machines_that_promote_at_once_only_one_is_the_first(
    make_pipeline: MakePipeline, start: Start, tracker: Tracker
) -> None:
    make_pipeline("finetune", served_sampler="prior").run("finetune")
    make_pipeline("register", served_sampler="gaussian").run("register")
    tracker.client.delete_registered_model_alias(NAME, CHAMPION)
    # Without a folder in common they have no lock in common.
    processes = [start("promote", candidate=number, work_dir=f"machine{number}") for number in (1, 2)]
    for process in processes:
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
        assert process.returncode == 0, errors

    found = {number: tracker.registry.get(NAME, number).tags for number in ("1", "2")}
    (first,) = [number for number, noted in found.items() if noted[tags.JUDGED_AGAINST] == "none"]
    (second,) = {"1", "2"} - {first}
    assert found[first][tags.DECISION].startswith("became the champion as the first champion")
    assert found[second][tags.JUDGED_AGAINST] == first
    replaced = found[second][tags.DECISION].startswith(f"became the champion in place of version {first}")
    assert tracker.registry.get(NAME, CHAMPION).number == (second if replaced else first)
