import json
from typing import Any

import pytest

from lds_mlflow.errors import TrackingError
from lds_mlflow.metrics import Decision, Limit
from lds_mlflow.tracking import CHAMPION, Tracker, tags
from tests.conftest import MakePipeline

NAME = "digits"


@pytest.fixture
def tracking_uri(trained_store: str) -> str:
    return trained_store


def _champion(tracker: Tracker) -> str | None:
    found = tracker.registry.find(NAME, CHAMPION)
    return found.number if found else None


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What the gate is to say, from the first on; the gate itself has tests of its own."""
    wanted: list[bool] = []

    def decide(candidate: Any, champion: Any, **settings: Any) -> Decision:
        promotes = wanted.pop(0)
        return Decision((Limit("fid", promotes, "FID 1 against 2" if promotes else "FID 2 against 1"),), ())

    monkeypatch.setattr("lds_mlflow.pipeline.promotion.decide", decide)
    return wanted


def _register(make_pipeline: MakePipeline, seed: int) -> str:
    return make_pipeline("finetune", finetune_seed=seed, served_sampler="prior").run("finetune").id


def test_finetune_ends_with_the_first_champion_and_the_card_says_so(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool]
) -> None:
    decisions += [True]
    _register(make_pipeline, 0)
    version = tracker.registry.get(NAME, CHAMPION)
    assert version.number == "1"
    assert "became the champion as the first champion" in version.description
    assert version.tags[tags.REPLACED] == version.tags[tags.JUDGED_AGAINST] == "none"
    assert tracker.open(version.tags[tags.PROMOTE_RUN]).step == "promote"
    assert tracker.open(version.tags[tags.CANDIDATE_RUN]).params["part"] == "select"


def test_a_candidate_that_fails_stays_a_challenger_and_is_asked_about_once(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool], said: list[str]
) -> None:
    decisions += [True, False]
    _register(make_pipeline, 0)
    _register(make_pipeline, 1)
    assert _champion(tracker) == "1"
    version = tracker.registry.get(NAME, "challenger")
    assert (version.number, version.tags[tags.DECISION]) == ("2", "stays a challenger: FID 2 against 1")
    assert tags.REPLACED not in version.tags
    said.clear()
    _register(make_pipeline, 1)
    assert any("version 2 of digits: stays a challenger" in line for line in said)
    assert not decisions


def test_a_champion_can_be_replaced_and_restored(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool], said: list[str]
) -> None:
    decisions += [True, True]
    for seed in range(2):
        _register(make_pipeline, seed)
    assert _champion(tracker) == "2"
    run = make_pipeline("promote", rollback=True).promote()
    assert _champion(tracker) == "1"
    assert "version 1 is the champion again" in tracker.open(run.id).sentence
    description = tracker.registry.get(NAME, "2").description
    assert description.count("## Promotion") == 1
    assert "rolled back" in description
    # What was rolled back doesn't come back by itself.
    said.clear()
    _register(make_pipeline, 1)
    assert _champion(tracker) == "1"
    with pytest.raises(TrackingError, match="the champion before version 1"):
        make_pipeline("promote", rollback=True).promote()
    assert tracker.client.search_runs([tracker.experiment_id], "attributes.status = 'FAILED'")


def test_the_champion_is_not_its_own_candidate(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool]
) -> None:
    decisions += [True]
    _register(make_pipeline, 0)
    run = make_pipeline("promote").promote()
    assert "is the champion already" in tracker.open(run.id).sentence


def test_of_two_promotions_at_once_the_second_is_compared_with_the_first(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions += [True, False]
    for seed in range(2):
        _register(make_pipeline, seed)
    decisions += [False]
    _register(make_pipeline, 2)
    against: list[str] = []

    def decide(candidate: Any, champion: Any, **settings: Any) -> Decision:
        if not against:
            # While the third is compared with the first, another machine promotes the second.
            tracker.registry.set_alias(tracker.registry.get(NAME, "2"), CHAMPION)
        against.append("again" if against else "first")
        return Decision((Limit("fid", len(against) == 1, "FID"),), ())

    monkeypatch.setattr("lds_mlflow.pipeline.promotion.decide", decide)
    make_pipeline("promote", candidate="3").promote()
    assert against == ["first", "again"]
    assert _champion(tracker) == "2"
    assert tracker.registry.get(NAME, "3").tags[tags.JUDGED_AGAINST] == "2"


def test_a_version_that_is_not_there_is_told(make_pipeline: MakePipeline) -> None:
    with pytest.raises(TrackingError, match="version 7 of the registered model digits"):
        make_pipeline("promote", registered_model=NAME, candidate="7").promote()


def test_a_model_that_is_not_named_has_to_be_the_only_one(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool]
) -> None:
    with pytest.raises(TrackingError, match="the registered model: found none"):
        make_pipeline("promote").promote()
    decisions += [True, True]
    _register(make_pipeline, 0)
    tracker.client.delete_registered_model_alias(NAME, CHAMPION)
    pipeline = make_pipeline("promote")
    pipeline.promote()
    assert pipeline.runner.registered == f"{NAME}/1"
    assert _champion(tracker) == "1"
    tracker.client.create_registered_model("faces")
    with pytest.raises(TrackingError, match=r"found 2: digits, faces.*registered_model=digits"):
        make_pipeline("promote").promote()


def test_models_of_other_images_are_not_compared(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool]
) -> None:
    decisions += [True]
    _register(make_pipeline, 0)
    make_pipeline("finetune", limit=100, served_sampler="prior").run("finetune")
    assert _champion(tracker) == "1"
    assert "made from other examples" in tracker.registry.get(NAME, "2").tags[tags.DECISION]


def test_the_real_gate_compares_by_the_select_part_and_writes_its_figures(
    make_pipeline: MakePipeline, tracker: Tracker
) -> None:
    for seed in range(2):
        make_pipeline("finetune", finetune_seed=seed, least_nearest_ratio=0, served_sampler="prior").run("finetune")
    version = tracker.registry.get(NAME, "2")
    figures = json.loads(version.tags[tags.FIGURES])
    assert {"fid", "coverage"} <= set(figures)
    assert all(len(row) == 5 for row in figures.values())
    run = version.tags[tags.PROMOTE_RUN]
    files = {item.path for item in tracker.client.list_artifacts(run)}
    assert {"comparison.csv", "report.html"} <= files
    for tag in (tags.CANDIDATE_RUN, tags.CHAMPION_RUN):
        assert tracker.open(version.tags[tag]).params["part"] == "select"


def test_a_version_with_alarms_is_not_promoted_unless_they_are_accepted(
    make_pipeline: MakePipeline, tracker: Tracker, decisions: list[bool], said: list[str]
) -> None:
    decisions += [True, True]
    settings = {"served_sampler": "auto", "limit": 60, "accept_alarms": False}
    make_pipeline("finetune", **settings).run("finetune")
    assert _champion(tracker) is None
    decision = tracker.registry.get(NAME, "challenger").tags[tags.DECISION]
    assert decision.startswith("stays a challenger: There are 60 examples in all.")
    assert "(accept_alarms=true promotes in spite of it)" in decision
    assert any(line.startswith("Alarm: There are 60 examples in all.") for line in said)
    make_pipeline("promote").promote()
    assert _champion(tracker) == "1"
