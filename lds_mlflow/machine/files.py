"""Files that are there whole or not at all, and their digests."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from lds_mlflow.errors import DiskFullError

__all__ = [
    "digest_of_bytes",
    "digest_of_file",
    "is_on_this_machine",
    "naming_a_full_disk",
    "remove",
    "require_free_space",
    "take_space",
    "write_atomically",
]

_REMEDY = "Free some space, or move work_dir, TMPDIR or the artifact store to another disk."
_LOCAL = {"apfs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "ntfs", "overlay", "tmpfs", "xfs", "zfs"}
_OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_on_this_machine(path: Path) -> bool:
    """Says whether a file lies on a disk of this machine, and not on one that other machines may write to."""
    kinds = {Path(disk.mountpoint): disk.fstype for disk in psutil.disk_partitions(all=True)}
    place = path.resolve()
    return next((kinds[folder].lower() in _LOCAL for folder in (place, *place.parents) if folder in kinds), False)


def digest_of_bytes(*parts: bytes | memoryview) -> str:
    """Returns the SHA-256 of the concatenated parts, each preceded by its length in bytes."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(memoryview(part).nbytes.to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def digest_of_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_free_space(folder: Path, n_bytes: int) -> None:
    """Raises DiskFullError unless `n_bytes` bytes are free on the disk that holds `folder`."""
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise DiskFullError(
            f"the disk of {folder}",
            found=f"{free / 2**20:,.0f} MiB free",
            expected=f"at least {n_bytes / 2**20:,.0f} MiB",
            remedy=_REMEDY,
        )


def take_space(path: Path, n_bytes: int) -> None:
    """Extends a file to `n_bytes` bytes and reserves the disk space, so that writing to its memory map can't fail.

    Raises:
        DiskFullError: The disk has too little free space.
    """
    require_free_space(path.parent, n_bytes - 512 * path.stat().st_blocks)
    with naming_a_full_disk(str(path)), path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes)
        else:
            file.truncate(n_bytes)


@contextmanager
def naming_a_full_disk(what: str) -> Iterator[None]:
    """Turns an error that says that the disk is full, while `what` is being written, into DiskFullError."""
    try:
        yield
    except Exception as error:
        if not _is_out_of_space(error):
            raise
        raise DiskFullError(
            what,
            found=f"a full disk while it was being written ({error})",
            expected="enough free space",
            remedy=_REMEDY,
        ) from error


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path` and moves the result into place.

    `write` makes a file, or a folder that replaces the one at `path`. If `write` fails, `path` stays unchanged.

    Raises:
        DiskFullError: The disk has too little free space.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    remove(partial)
    try:
        with naming_a_full_disk(str(path)):
            write(partial)
            _flush(partial)
        _move_into_place(partial, path)
    except BaseException:
        remove(partial)
        raise


def _move_into_place(new: Path, path: Path) -> None:
    if not path.is_dir():
        new.replace(path)
        return
    # A folder can't be renamed to the name of a folder that isn't empty.
    old = new.with_suffix(".old")
    remove(old)
    path.rename(old)
    try:
        new.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def _flush(path: Path) -> None:
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())


def remove(path: Path) -> None:
    """Removes a file, or a folder with its content, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _is_out_of_space(error: BaseException | None) -> bool:
    # safetensors and torch wrap the error of the operating system in errors of their own.
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in _OUT_OF_SPACE:
        return True
    return any(os.strerror(code) in str(error) for code in _OUT_OF_SPACE) or _is_out_of_space(error.__context__)
