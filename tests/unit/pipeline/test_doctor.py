import shutil
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from lds_mlflow.pipeline import doctor
from lds_mlflow.pipeline.doctor import Finding, examine, in_lines


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container engine answers, whatever this machine has."""
    monkeypatch.setattr(doctor, "version_of_engine", lambda: "")


@pytest.fixture
def findings(tracking_uri: str, tmp_path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(tmp_path / "not" / "there")}


def test_what_is_there_is_found(findings: dict[str, Finding], tracking_uri: str) -> None:
    assert findings["mlflow"].found
    assert "cores" in findings["CPU"].found
    assert findings["store"].found == tracking_uri
    assert "GiB free" in next(one.found for one in findings.values() if one.topic == "Disk")


def test_a_missing_piece_is_told_with_what_it_would_give(monkeypatch: pytest.MonkeyPatch, tracking_uri: str) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(doctor, "version", missing)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=2**30))
    lines = list(in_lines(examine(Path(".lds"))))
    shown = " ".join(" ".join(lines).split())
    assert (
        "- numba missing it would give scores several times as fast on a CPU: uv pip install --python PYTHON numba"
        in shown
    )
    assert (
        "- torch-fidelity missing it would give the commands: uv pip install --python PYTHON -r requirements.txt"
        in shown
    )
    assert "- git missing it would give runs that say by which commit they were made" in shown
    assert "1.0 GiB free it would give room" in shown
    # What is copied, such as the store's address, is not broken.
    assert all(len(line) <= 80 or tracking_uri in line for line in lines)


def test_a_store_that_does_not_answer_is_a_finding_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = next(one for one in examine(Path(".lds")) if one.name == "store")
    assert found.found.startswith("http://127.0.0.1:1: ")
    assert "MLFLOW_TRACKING_URI" in found.would_give


@pytest.mark.parametrize(("version", "found", "marked"), [("27.3.1", "27.3.1", "+"), ("", "none that answers", "-")])
def test_a_container_engine_is_there_if_it_answers(
    monkeypatch: pytest.MonkeyPatch, tracking_uri: str, version: str, found: str, marked: str
) -> None:
    monkeypatch.setattr(doctor, "version_of_engine", lambda: version)
    (line,) = [line for line in in_lines(examine(Path(".lds"))) if "a container engine" in line]
    assert line.split() == [marked, "a", "container", "engine", *found.split()]


def test_lines_stand_under_their_topic_once() -> None:
    lines = list(in_lines([Finding("A", "one", "1"), Finding("A", "two", "", "more"), Finding("B", "three", "3")]))
    assert [line.strip() for line in lines if not line.startswith("  ")] == ["A", "B"]
    assert lines[1].startswith("  + one")
    assert lines[2].startswith("  - two")


def test_a_store_that_is_not_there_yet_is_not_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'none.db'}")
    assert any(one.found.endswith("none.db") for one in examine(tmp_path))
    assert list(tmp_path.iterdir()) == []
