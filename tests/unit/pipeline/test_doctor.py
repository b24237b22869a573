import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from lds_mlflow.config import Options
from lds_mlflow.pipeline import doctor
from lds_mlflow.pipeline.doctor import Finding, examine, in_lines


@pytest.fixture
def findings(tracking_uri: str, tmp_path: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in examine(Options(work_dir=tmp_path / "not" / "there"))}


def test_what_is_there_is_found(findings: dict[str, Finding], tracking_uri: str) -> None:
    assert findings["mlflow"].found
    assert "cores" in findings["CPU"].found
    assert findings["tracking"].found == tracking_uri
    assert "GiB free" in next(one.found for one in findings.values() if one.topic == "Disk")
    assert findings["classifier"].found == "the classifier that the project trains"
    assert "feature_weights" in findings["squeezenet"].found


def test_a_missing_piece_is_told_with_what_it_would_give(monkeypatch: pytest.MonkeyPatch, tracking_uri: str) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda module: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=2**30))
    lines = list(in_lines(examine(Options())))
    shown = " ".join(" ".join(lines).split())
    assert "- numba missing it would give scores several times as fast on a CPU: pip install numba" in shown
    assert "- git missing it would give runs that say by which commit they were made" in shown
    assert "1.0 GiB free it would give room" in shown
    assert max(map(len, lines)) <= 80


def test_a_store_that_does_not_answer_is_a_finding_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    found = next(one for one in examine(Options()) if one.name == "tracking")
    assert "expected a store that answers" in found.found
    assert "MLFLOW_TRACKING_URI" in found.would_give


def test_lines_stand_under_their_topic_once() -> None:
    lines = list(in_lines([Finding("A", "one", "1"), Finding("A", "two", "", "more"), Finding("B", "three", "3")]))
    assert [line.strip() for line in lines if not line.startswith("  ")] == ["A", "B"]
    assert lines[1].startswith("  + one")
    assert lines[2].startswith("  - two")
