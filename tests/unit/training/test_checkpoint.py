import pickle
import random
import warnings
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lds_mlflow.errors import ArtifactError, DiskFullError
from lds_mlflow.training import Checkpoint, CheckpointFile
from tests.conftest import little_room

NUMBERS = torch.arange(300.0)


class Exploit:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.marker,)


def _checkpoint(step: int = 3) -> Checkpoint:
    return Checkpoint(
        step=step,
        model={"weight": NUMBERS, "bias": torch.zeros(2)},
        stepper={
            "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"betas": (0.9, 0.99)}]},
            "average": NUMBERS / 2,
            "skipped": 1,
        },
        history=[(1, {"loss": 2.5}), (2, {"loss": float("inf")})],
    )


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "deep" / "fit.pt", owner="0123456789abcdef")


@pytest.fixture
def saved(file: CheckpointFile) -> bytes:
    """The bytes of a checkpoint that was saved to the file."""
    file.save(_checkpoint())
    return file.path.read_bytes()


def _refusal(file: CheckpointFile) -> ArtifactError:
    with warnings.catch_warnings():
        # Torch warns of what a damaged file says about itself before it refuses it.
        warnings.simplefilter("ignore")
        with pytest.raises(ArtifactError) as caught:
            file.load()
    assert str(file.path) in caught.value.what
    assert caught.value.remedy == "Remove the file to start this step from its beginning."
    return caught.value


def test_a_checkpoint_comes_back_as_it_was(file: CheckpointFile) -> None:
    replace(file, run_id="the run that saves").save(_checkpoint())
    loaded = file.load()
    assert loaded is not None
    for field in fields(Checkpoint):
        found, wanted = getattr(loaded, field.name), getattr(_checkpoint(), field.name)
        if field.name == "run_id":
            assert found == "the run that saves"
        else:
            torch.testing.assert_close(found, wanted, rtol=0, atol=0)
    assert loaded.history == _checkpoint().history


def test_where_there_is_no_file_there_is_no_checkpoint(file: CheckpointFile) -> None:
    assert file.load() is None


def test_a_later_checkpoint_replaces_an_earlier_one_and_leaves_nothing_beside_it(file: CheckpointFile) -> None:
    file.save(_checkpoint(step=3))
    file.save(_checkpoint(step=4))
    loaded = file.load()
    assert loaded is not None
    assert loaded.step == 4
    assert list(file.path.parent.iterdir()) == [file.path]


def test_removing_a_checkpoint_twice_is_no_error(file: CheckpointFile, saved: bytes) -> None:
    file.remove()
    file.remove()
    assert file.load() is None


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(file: CheckpointFile, saved: bytes) -> None:
    with pytest.raises((AttributeError, pickle.PicklingError)):
        file.save(replace(_checkpoint(), model={"weight": lambda: None}))
    assert file.path.read_bytes() == saved
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_disk_that_fills_up_midway_is_told_and_leaves_the_old_checkpoint(file: CheckpointFile, saved: bytes) -> None:
    with little_room(), pytest.raises(DiskFullError, match="a full disk while it was being written"):
        file.save(replace(_checkpoint(), model={"weight": torch.zeros(10_000)}))
    assert file.path.read_bytes() == saved
    assert list(file.path.parent.iterdir()) == [file.path]


def test_a_checkpoint_of_another_owner_is_refused_with_both_names(file: CheckpointFile, saved: bytes) -> None:
    error = _refusal(replace(file, owner="fedcba9876543210"))
    assert error.found == "a checkpoint of the fit 0123456789ab"
    assert error.expected == "a checkpoint of the fit fedcba987654"
    assert file.path.exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_checkpoint_is_refused(file: CheckpointFile, saved: bytes, share: float) -> None:
    file.path.write_bytes(saved[: int(share * len(saved))])
    assert _refusal(file).expected == "an undamaged checkpoint"


@pytest.mark.parametrize("length", [14, 61, 100, 195])
def test_bytes_that_are_no_checkpoint_are_refused(file: CheckpointFile, saved: bytes, length: int) -> None:
    file.path.write_bytes(random.Random(length).randbytes(length))
    assert _refusal(file).expected == "an undamaged checkpoint"


@pytest.mark.parametrize("content", [torch.zeros(3), [1], "text", None, {}, {"owner": "0123456789abcdef"}])
def test_a_file_of_torch_that_holds_something_else_is_refused(
    file: CheckpointFile, saved: bytes, content: object
) -> None:
    torch.save(content, file.path)
    assert _refusal(file).expected == "an undamaged checkpoint"


def test_damage_is_never_told_in_torchs_own_words(file: CheckpointFile, saved: bytes) -> None:
    told: set[str] = set()
    for place in range(0, len(saved), 14):
        file.path.write_bytes(_damaged(saved, place))
        told.add(_outcome(file))
    assert "refused" in told
    assert told <= {"loaded", "refused"}


def test_a_changed_number_is_not_taken_for_the_one_that_was_saved(file: CheckpointFile, saved: bytes) -> None:
    place = saved.index(NUMBERS.numpy().tobytes())
    file.path.write_bytes(_damaged(saved, place + 40))
    assert _refusal(file).expected == "an undamaged checkpoint"


def _damaged(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def _outcome(file: CheckpointFile) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            file.load()
        except ArtifactError:
            return "refused"
        except Exception as error:
            return type(error).__name__
        return "loaded"


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_with_pickled_code_is_refused_and_not_executed(
    file: CheckpointFile, saved: bytes, tmp_path: Path, zipped: bool
) -> None:
    content = {"owner": file.owner, "model": Exploit(tmp_path / "executed")}
    if zipped:
        torch.save(content, file.path)
    else:
        file.path.write_bytes(pickle.dumps(content, protocol=2))
    _refusal(file)
    assert not (tmp_path / "executed").exists()


def test_the_pickled_code_would_be_executed_by_a_careless_reader(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Exploit(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()
