import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lds_mlflow.errors import DiskFullError
from lds_mlflow.machine.files import (
    digest_of_bytes,
    digest_of_file,
    is_on_this_machine,
    naming_a_full_disk,
    require_free_space,
    write_atomically,
)
from tests.places import ROOT

WRITE_TOO_MUCH = """
import resource, signal, sys
from pathlib import Path
from lds_mlflow.errors import DiskFullError
from lds_mlflow.machine.files import write_atomically
from tests.places import ROOT

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_atomically(Path(sys.argv[1]), lambda partial: partial.write_bytes(bytes(100_000)))
except DiskFullError as error:
    print(error)
"""


class Usage(NamedTuple):
    """What shutil.disk_usage gives."""

    total: int
    used: int
    free: int


class CrashError(Exception):
    """Stands for whatever goes wrong in a writer."""


def _file_writer(content: str) -> Callable[[Path], object]:
    return lambda partial: partial.write_text(content)


def _folder_writer(content: str) -> Callable[[Path], object]:
    def write(partial: Path) -> None:
        (partial / "deep").mkdir(parents=True)
        (partial / "deep" / "a.txt").write_text(content)
        (partial / "b.txt").write_text(content)

    return write


def _failing(write: Callable[[Path], object], error: BaseException) -> Callable[[Path], object]:
    def fail(partial: Path) -> None:
        write(partial)
        raise error

    return fail


def _content(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


WRITERS = pytest.mark.parametrize("writer", [_file_writer, _folder_writer])


def test_a_digest_tells_where_a_part_ends() -> None:
    digests = {digest_of_bytes(*parts) for parts in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"], [b"abc", b""], [])}
    assert len(digests) == 5
    assert digest_of_bytes(b"ab", b"c") == digest_of_bytes(b"ab", b"c")


def test_a_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"content")
    assert digest_of_file(tmp_path / "a") == hashlib.sha256(b"content").hexdigest()


def test_enough_space_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(100, 0, 100))
    require_free_space(tmp_path, 100)


def test_too_little_space_is_told_with_both_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(2**40, 0, 5 * 2**20))
    with pytest.raises(DiskFullError) as caught:
        require_free_space(tmp_path, 3 * 2**30)
    assert str(tmp_path) in caught.value.what
    assert caught.value.found == "5 MiB free"
    assert caught.value.expected == "at least 3,072 MiB"
    assert "work_dir" in caught.value.remedy


def test_the_disk_that_is_asked_is_that_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(9, 0, 9 if folder == tmp_path else 0))
    require_free_space(tmp_path, 1)
    with pytest.raises(DiskFullError, match=str(tmp_path.parent)):
        require_free_space(tmp_path.parent, 1)


def test_a_lack_of_space_is_told_with_what_was_written() -> None:
    with pytest.raises(DiskFullError) as caught, naming_a_full_disk("the pictures"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.what == "the pictures"
    assert os.strerror(errno.ENOSPC) in caught.value.found
    assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("error", [CrashError("no"), PermissionError(errno.EACCES, "no"), OSError("no number")])
def test_another_error_is_not_taken_for_a_lack_of_space(error: Exception) -> None:
    with pytest.raises(type(error), match="no"), naming_a_full_disk("the pictures"):
        raise error


def test_a_new_file_and_its_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x" / "y" / "file", _file_writer("new"))
    assert _content(tmp_path) == {"x/y/file": "new"}


def test_a_file_is_replaced(tmp_path: Path) -> None:
    for content in ("old", "new"):
        write_atomically(tmp_path / "file", _file_writer(content))
    assert _content(tmp_path) == {"file": "new"}


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_atomically(tmp_path / "folder", _folder_writer("old"))
    (tmp_path / "folder" / "stray.txt").write_text("old")
    write_atomically(tmp_path / "folder", _folder_writer("new"))
    assert _content(tmp_path) == {"folder/deep/a.txt": "new", "folder/b.txt": "new"}


@WRITERS
def test_what_is_written_appears_only_when_it_is_whole(
    tmp_path: Path, writer: Callable[[str], Callable[[Path], object]]
) -> None:
    target = tmp_path / "target"

    def write(partial: Path) -> None:
        writer("new")(partial)
        assert not target.exists()

    write_atomically(target, write)
    assert target.exists()


@WRITERS
@pytest.mark.parametrize("error", [CrashError(), KeyboardInterrupt(), PermissionError(errno.EACCES, "no")])
def test_an_exception_midway_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, writer: Callable[[str], Callable[[Path], object]], error: BaseException
) -> None:
    write_atomically(tmp_path / "target", writer("old"))
    before = _content(tmp_path)
    with pytest.raises(type(error)):
        write_atomically(tmp_path / "target", _failing(writer("new"), error))
    assert _content(tmp_path) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


@WRITERS
def test_an_exception_midway_leaves_nothing_where_nothing_was(
    tmp_path: Path, writer: Callable[[str], Callable[[Path], object]]
) -> None:
    with pytest.raises(CrashError):
        write_atomically(tmp_path / "target", _failing(writer("new"), CrashError()))
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_while_a_folder_is_replaced_leaves_one_of_the_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "folder", _folder_writer("old"))
    remove = shutil.rmtree

    def remove_and_be_interrupted(path: Path, **options: Any) -> None:
        monkeypatch.setattr(shutil, "rmtree", remove)
        remove(path, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", remove_and_be_interrupted)
    with suppress(KeyboardInterrupt):
        write_atomically(tmp_path / "folder", _folder_writer("new"))
    assert set(_content(tmp_path / "folder").values()) in ({"old"}, {"new"})


def test_a_replacement_that_was_killed_while_it_tidied_up_is_no_hindrance_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "folder", _folder_writer("old"))
    with monkeypatch.context() as killed, suppress(KeyboardInterrupt):
        killed.setattr(shutil, "rmtree", _be_interrupted)
        write_atomically(tmp_path / "folder", _folder_writer("newer"))
    write_atomically(tmp_path / "folder", _folder_writer("newest"))
    assert set(_content(tmp_path / "folder").values()) == {"newest"}
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def _be_interrupted(path: Path, **options: Any) -> None:
    raise KeyboardInterrupt


@WRITERS
def test_what_a_killed_process_left_behind_is_no_hindrance(
    tmp_path: Path, writer: Callable[[str], Callable[[Path], object]]
) -> None:
    # In a container every process is number 1, so another one's partial file may have the name of one's own.
    places: list[Path] = []
    with pytest.raises(CrashError):
        write_atomically(tmp_path / "target", lambda partial: _note_and_crash(places, partial))
    writer("half")(places[0])
    write_atomically(tmp_path / "target", writer("new"))
    assert set(_content(tmp_path).values()) == {"new"}
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


def _note_and_crash(places: list[Path], partial: Path) -> None:
    places.append(partial)
    raise CrashError


@WRITERS
@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
        OSError(errno.EFBIG, os.strerror(errno.EFBIG)),
        RuntimeError(f"I/O error: {os.strerror(errno.ENOSPC)} (os error 28)"),
    ],
)
def test_a_full_disk_is_told_and_leaves_the_old_content(
    tmp_path: Path, writer: Callable[[str], Callable[[Path], object]], error: Exception
) -> None:
    write_atomically(tmp_path / "target", writer("old"))
    before = _content(tmp_path)
    with pytest.raises(DiskFullError) as caught:
        write_atomically(tmp_path / "target", _failing(writer("new"), error))
    assert caught.value.what == str(tmp_path / "target")
    assert str(error) in caught.value.found
    assert "work_dir" in caught.value.remedy
    assert _content(tmp_path) == before
    assert list(tmp_path.iterdir()) == [tmp_path / "target"]


def test_a_file_that_the_system_has_no_room_for_is_told_and_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, tmp_path / "target"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"{tmp_path / 'target'}: found a full disk while it was being written" in done.stdout
    assert _content(tmp_path) == {"target": "old"}


class Disk(NamedTuple):
    mountpoint: str
    fstype: str


def test_a_disk_that_other_machines_may_write_to_is_not_one_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    disks = [Disk("/", "ext4"), Disk("/home", "nfs4"), Disk("/home/me/scratch", "xfs"), Disk("/mnt", "fuse.sshfs")]
    monkeypatch.setattr("psutil.disk_partitions", lambda **_options: disks)
    places = ("/data/a.db", "/home/me/a.db", "/home/me/scratch/a.db", "/mnt/a.db")
    assert [is_on_this_machine(Path(place)) for place in places] == [True, False, True, False]
