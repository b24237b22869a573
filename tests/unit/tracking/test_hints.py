import sys
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from lds_mlflow.tracking import Tracker, next_steps, tags


@pytest.mark.parametrize(
    ("uvx", "program"), [("/bin/uvx", f"uvx mlflow@{mlflow.__version__}"), (None, f"{sys.executable} -m mlflow")]
)
def test_the_next_steps_name_the_store_the_model_and_a_program_that_is_there(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, uvx: str | None, program: str
) -> None:
    monkeypatch.setattr("lds_mlflow.tracking.hints.which", lambda name: uvx)
    tracker.client.create_registered_model("digits")
    tracker.client.create_model_version("digits", "file:///nowhere", "r1")
    lines = "\n".join(next_steps(tracker, "abc", "digits/1"))
    assert lines.startswith(f"Look:   {program} ui --backend-store-uri {tracker.tracking_uri}\n")
    assert f"\nexport MLFLOW_TRACKING_URI={tracker.tracking_uri}\n" in lines
    assert f"{program} run . -e serve" in lines
    assert "runs/abc" in lines
    assert "models:/digits/1" in lines
    assert "MLFLOW_TRACKING_URI" not in "\n".join(next_steps(tracker, "abc", ""))


def test_the_next_steps_are_about_the_version_that_was_just_registered(tracker: Tracker) -> None:
    tracker.client.create_registered_model("digits")
    for run in ("r1", "r2"):
        tracker.client.create_model_version("digits", "file:///nowhere", run)
    lines = "\n".join(next_steps(tracker, "abc", "digits/2"))
    assert "-e sample --env-manager uv -P model_run=models:/digits/2\n" in lines
    tracker.client.set_model_version_tag("digits", "2", tags.SAMPLER, "mixture")
    sampled = "-e sample --env-manager uv -P model_run=models:/digits/2 -P sampler=mixture\n"
    assert sampled in "\n".join(next_steps(tracker, "abc", "digits/2"))
    assert "-e serve --env-manager uv -P model=models:/digits/2" in lines
    assert "Version 2 of digits is not the champion, and no other version is." in lines
    tracker.client.set_registered_model_alias("digits", "champion", "1")
    lines = "\n".join(next_steps(tracker, "abc", "digits/2"))
    assert "Version 2 of digits is not the champion: version 1 is." in lines
    tracker.client.set_registered_model_alias("digits", "champion", "2")
    assert "It is the champion of digits." in "\n".join(next_steps(tracker, "abc", "digits/2"))


def test_the_next_steps_after_a_command_are_said_though_the_registry_does_not_answer(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(name: str, alias: str) -> None:
        raise MlflowException("no answer")

    monkeypatch.setattr(tracker.client, "get_model_version_by_alias", away)
    lines = next_steps(tracker, "abc", "digits/1")
    assert "Serve:  the model registry doesn't answer now (no answer)" in lines


def test_in_the_folder_of_a_usual_store_nothing_has_to_be_set(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(tracker.tracking_uri.removeprefix("sqlite:///")).parent)
    monkeypatch.setattr("lds_mlflow.tracking.hints.which", lambda name: "/bin/uvx")
    lines = next_steps(tracker, "abc", "")
    assert lines[0] == f"Look:   uvx mlflow@{mlflow.__version__} ui"
