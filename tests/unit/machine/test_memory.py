import ctypes
import subprocess
import sys
from mmap import mmap
from pathlib import Path
from types import SimpleNamespace

import pytest

from lds_mlflow.machine.memory import available_bytes, forget_peak, keep_freed_memory, peak_bytes

MIB = 2**20


def _hold_a_while() -> None:
    """Holds 256 MiB, beside what the C library has kept of memory that was freed."""
    with mmap(-1, 256 * MIB) as pages:
        for _ in range(256):
            pages.write(b"1" * MIB)


def test_the_peak_is_of_what_was_held_even_where_it_is_no_longer() -> None:
    before = peak_bytes()
    forget_peak()
    held = peak_bytes()
    _hold_a_while()
    assert peak_bytes() >= max(held + 250 * MIB, before if sys.platform != "linux" else 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets")
def test_what_was_held_before_is_forgotten() -> None:
    _hold_a_while()
    before = peak_bytes()
    forget_peak()
    assert peak_bytes() < before - 200 * MIB


def _is_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


FAULTS = """
import resource
from lds_mlflow.machine.memory import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        bytearray(b"1") * 2**23
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
others = faults()
keep_freed_memory()
faults()
print(others, faults())
"""


@pytest.mark.skipif(not _is_glibc(), reason="the C library is not glibc")
def test_memory_that_is_freed_and_asked_for_again_is_not_cleared_again() -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    given_back, kept = map(int, done.stdout.split())
    assert kept < given_back / 10


@pytest.mark.parametrize(("platform", "library"), [("darwin", None), ("win32", None), ("linux", SimpleNamespace())])
def test_another_c_library_keeps_what_it_likes(
    platform: str, library: SimpleNamespace | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(name: None) -> SimpleNamespace:
        assert library is not None, "the C library was opened where it is none that the options are for"
        return library

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", opened)
    keep_freed_memory()


@pytest.mark.parametrize(("limit", "left"), [("3000", 1500), ("1000", 0), ("max", None), ("", None)])
def test_a_container_has_no_more_than_its_limit_without_what_is_used_but_for_copies_of_files(
    limit: str, left: int | None, tmp_path: Path
) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("2000\n")
    (tmp_path / "memory.stat").write_text("anon 1500\ninactive_file 500\n")
    assert available_bytes(tmp_path) == left or (left is None and available_bytes(tmp_path) > 3000)


def test_without_a_container_it_is_the_machine_that_counts(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) > 2**20
