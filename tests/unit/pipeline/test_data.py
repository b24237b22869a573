"""The step `data` on a folder as people bring it: a broken file, a copy, a table of attributes, a list of parts."""

import shutil
from pathlib import Path

import pytest

from lds_mlflow.errors import DataError
from lds_mlflow.tracking import FinishedRun, Tracker
from lds_mlflow.values import ExampleSet
from tests.conftest import MakePipeline
from tests.unit.data.conftest import save, truncate

N = 24


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """24 colour pictures of 16x16, of which one is broken and one a copy of another."""
    folder = tmp_path / "faces"
    for number in range(N):
        save(folder / f"{number:02d}.png", mode="RGB", seed=number)
    truncate(folder / "03.png")
    shutil.copy(folder / "04.png", folder / "05.png")
    return folder


@pytest.fixture
def attributes(tmp_path: Path) -> Path:
    """CelebA's list of attributes for them."""
    rows = [f"{number:02d}.png {1 if number % 2 else -1}" for number in range(N)]
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text("\n".join([str(N), "Male", *rows]) + "\n")
    return path


def _csv(tracker: Tracker, run_id: str, name: str) -> list[str]:
    return Path(tracker.client.download_artifacts(run_id, name)).read_text().splitlines()


def _digests(run: FinishedRun) -> dict[str, str]:
    return {name: run.load(ExampleSet, name).digest for name in ("train", "select", "test")}


def test_what_can_not_be_used_is_left_out_and_named_and_the_division_can_be_had_again(
    make_pipeline: MakePipeline, tracker: Tracker, faces: Path, attributes: Path, said: list[str]
) -> None:
    (faces / "notes.heic").write_text("taken with a telephone")
    save(faces / ".thumbnails" / "00.png")
    settings = {"data": str(faces), "resolution": 8, "attributes": str(attributes), "label": "Male", "tolerated": 0.1}
    run = make_pipeline("data", **settings).run("data")
    assert (run.metrics["data/left_out"], run.metrics["data/copies"], run.metrics["data/classes"]) == (1, 1, 2)
    assert _csv(tracker, run.id, "faults.csv")[0] == "file,fault,detail"
    assert sorted(line.split(",")[:2] for line in _csv(tracker, run.id, "faults.csv")[1:]) == [
        [".thumbnails/00.png", "hidden"],
        ["03.png", "corrupt"],
        ["05.png", "copy"],
        ["notes.heic", "ending"],
    ]
    assert any("23 images of 8x8x3, 2 classes" in line and "Lanczos (antialiased) to 8x8" in line for line in said)
    (sentence,) = (line for line in said if "done in" in line)
    assert f"2 classes from the column Male of {attributes.name}: Male (12), not Male (12)" in sentence
    assert "1 hidden or system files (.thumbnails 1), 1 files by their endings (.heic 1)" in sentence
    assert len(sentence.splitlines()) <= 10
    assert any("1 can't be used (left out)" in line and "1 are copies of others" in line for line in said)

    splits = Path(tracker.client.download_artifacts(run.id, "splits.csv"))
    again = make_pipeline("data", **settings, split_list=str(splits), split_seed=7).run("data")
    assert again.id != run.id
    assert _digests(again) == _digests(run)


def test_images_that_a_list_of_parts_leaves_out_are_named(
    make_pipeline: MakePipeline, tracker: Tracker, faces: Path, tmp_path: Path, said: list[str]
) -> None:
    for fault in ("03.png", "05.png"):
        (faces / fault).unlink()
    some = tmp_path / "parts.csv"
    some.write_text("file,part\n" + "".join(f"{number:02d}.png,train\n" for number in range(6, N)))
    run = make_pipeline("data", data=str(faces), split_list=str(some)).run("data")
    named = [line.split(",")[:2] for line in _csv(tracker, run.id, "faults.csv")[1:]]
    assert named == [[f"{number:02d}.png", "unassigned"] for number in (0, 1, 2, 4)]
    assert any("4 have no part in split_list (left out)" in line for line in said)


@pytest.mark.parametrize(("fault", "message"), [("corrupt", "can't be decoded"), ("copy", "copies among")])
def test_where_too_much_can_not_be_used_the_run_still_has_the_table(
    make_pipeline: MakePipeline, tracker: Tracker, faces: Path, fault: str, message: str
) -> None:
    (faces / ("05.png" if fault == "corrupt" else "03.png")).unlink()
    with pytest.raises(DataError, match=message):
        make_pipeline("data", data=str(faces), tolerated=0.01).run("data")
    (failed,) = tracker.client.search_runs([tracker.experiment_id])
    assert failed.info.status == "FAILED"
    assert [line.split(",")[1] for line in _csv(tracker, failed.info.run_id, "faults.csv")[1:]] == [fault]
