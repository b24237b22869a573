import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import current_thread
from typing import BinaryIO

import numpy as np
import pytest
import torch
from PIL import Image

from lds_mlflow.data import packing
from lds_mlflow.data.packing import PackedPictures, pack_pictures
from lds_mlflow.data.pixels import Picture
from lds_mlflow.errors import DataError


class CrashError(Exception):
    """Stands for whatever ends a process in the middle of packing."""


def _picture(number: int, side: int = 8) -> Picture:
    pixels = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return f"{number:04d}.png", lambda: io.BytesIO(buffer.getvalue())


def _corrupt(name: str) -> Picture:
    return name, lambda: io.BytesIO(b"no picture")


def _pack(pictures: list[Picture], folder: Path | None = None, *, tolerated: float = 0.0) -> PackedPictures:
    return pack_pictures(pictures, resolution=0, channels=0, source="holiday", tolerated=tolerated, folder=folder)


@pytest.fixture(params=[1, 3], ids=["one thread", "several threads"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Makes pictures take as long to decode as is worth that many threads, by a clock of the test's own."""
    number: int = request.param
    ticks: Iterator[int] = count()
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    monkeypatch.setattr(packing, "perf_counter", lambda: next(ticks) * (1e-6 if number == 1 else 1.0))
    return number


def test_small_pictures_are_decoded_in_one_thread_and_others_in_several(threads: int) -> None:
    names = set()

    def watched(picture: Picture) -> Picture:
        def opener() -> BinaryIO:
            names.add(current_thread().name)
            return picture[1]()

        return picture[0], opener

    _pack([watched(_picture(i)) for i in range(100)])
    assert (names == {current_thread().name}) == (threads == 1)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("n", [1, 16, 17, 273])
def test_pictures_are_in_their_order_whatever_the_threads(n: int) -> None:
    pictures = [_picture(i) for i in range(n)]
    found = _pack(pictures).images_NCHW
    alone = [_pack([picture]).images_NCHW[0] for picture in pictures]
    assert torch.equal(found, torch.stack(alone))


def test_a_large_picture_after_small_ones_calls_for_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    names = set()

    def timed(number: int) -> Picture:
        def opener() -> BinaryIO:
            nonlocal clock
            clock += 1.0 if number >= 40 else 1e-6
            names.add(current_thread().name)
            return _picture(number)[1]()

        return f"{number:04d}.png", opener

    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(packing, "perf_counter", lambda: clock)
    _pack([timed(i) for i in range(100)])
    assert len(names) > 1


def test_a_mapped_array_holds_what_one_in_memory_does(tmp_path: Path) -> None:
    pictures = [_picture(i) for i in range(600)]
    mapped, held = _pack(pictures, tmp_path / "pack"), _pack(pictures)
    assert torch.equal(mapped.images_NCHW, held.images_NCHW)
    assert np.load(tmp_path / "pack" / "pixels.npy", mmap_mode="r").shape == (600, 3, 8, 8)


def test_corrupt_pictures_up_to_a_share_are_left_out_and_named() -> None:
    pictures = [_corrupt("a.png"), _picture(1), _picture(2), _corrupt("b.png"), *(_picture(i) for i in range(3, 21))]
    found = _pack(pictures, tolerated=0.1)
    assert [(fault.name, fault.kind) for fault in found.faults] == [("a.png", "corrupt"), ("b.png", "corrupt")]
    assert found.rows_N == [1, 2, *range(4, 22)]
    whole = _pack([picture for picture in pictures if picture[0] not in {"a.png", "b.png"}])
    assert torch.equal(found.images_NCHW, whole.images_NCHW)


def test_more_corrupt_pictures_than_the_share_are_an_error_that_says_the_share() -> None:
    with pytest.raises(DataError) as caught:
        _pack([_corrupt("a.png"), _corrupt("b.png"), *(_picture(i) for i in range(10))], tolerated=0.1)
    assert caught.value.found == "files that can't be decoded (2 in all): a.png, b.png"
    assert caught.value.expected == "image files that can be decoded, except for at most 10.0%, which are left out"


def test_pictures_of_which_none_can_be_used_are_an_error_whatever_the_share() -> None:
    with pytest.raises(DataError, match=r"files that can't be decoded \(2 in all\)"):
        _pack([_corrupt("a.png"), _corrupt("b.png")], tolerated=0.99)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("last", [10, 256, 300])
def test_packing_goes_on_where_it_was_interrupted(tmp_path: Path, last: int) -> None:
    opened: list[str] = []

    def watched(picture: Picture, *, fails: bool) -> Picture:
        def opener() -> BinaryIO:
            if fails:
                raise CrashError
            opened.append(picture[0])
            return picture[1]()

        return picture[0], opener

    pictures = [_picture(i) if i % 50 else _corrupt(f"{i:04d}.png") for i in range(600)]
    with pytest.raises(CrashError):
        _pack([watched(picture, fails=i >= last) for i, picture in enumerate(pictures)], tmp_path, tolerated=0.1)
    opened.clear()
    found = _pack([watched(picture, fails=False) for picture in pictures], tmp_path, tolerated=0.1)
    done = last // 256 * 256
    assert set(opened) - {"0000.png", "0001.png"} == {name for name, _ in pictures[max(done, 2) :]}
    whole = _pack(pictures, tolerated=0.1)
    assert torch.equal(found.images_NCHW, whole.images_NCHW)
    assert (found.rows_N, found.faults) == (whole.rows_N, whole.faults)


def test_what_was_begun_of_other_pictures_is_begun_anew(tmp_path: Path) -> None:
    _pack([_picture(i) for i in range(5)], tmp_path)
    others = [_picture(i) for i in range(10, 13)]
    assert torch.equal(_pack(others, tmp_path).images_NCHW, _pack(others).images_NCHW)


@pytest.mark.parametrize("content", ["", "[]", '{"identity": "x"}', "nonsense"])
def test_progress_that_can_not_be_read_is_begun_anew(tmp_path: Path, content: str) -> None:
    pictures = [_picture(i) for i in range(5)]
    _pack(pictures, tmp_path)
    (tmp_path / "progress.json").write_text(content)
    assert torch.equal(_pack(pictures, tmp_path).images_NCHW, _pack(pictures).images_NCHW)
    assert json.loads((tmp_path / "progress.json").read_text())["done"] == 5


def _of_twelve_bits(number: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), number, dtype=np.uint16)).save(buffer, format="PNG")
    return f"{number:04d}.png", lambda: io.BytesIO(buffer.getvalue())


@pytest.mark.parametrize("fails_at", [300, 520, 700])
def test_a_reading_of_twelve_bits_goes_on_wherever_it_was_interrupted(tmp_path: Path, fails_at: int) -> None:
    # The first reading finds the range of all pictures, and the second scales by it: 400 files are opened twice.
    opened = 0

    def watched(picture: Picture) -> Picture:
        def opener() -> BinaryIO:
            nonlocal opened
            opened += 1
            if opened == fails_at:
                raise CrashError
            return picture[1]()

        return picture[0], opener

    def pack(pictures: list[Picture], folder: Path | None) -> PackedPictures:
        return pack_pictures(pictures, resolution=0, channels=1, source="holiday", folder=folder)

    pictures = [_of_twelve_bits(number) for number in range(4095, 95, -10)]
    with pytest.raises(CrashError):
        pack([watched(picture) for picture in pictures], tmp_path)
    found, whole = pack(pictures, tmp_path), pack(pictures, None)
    assert torch.equal(found.images_NCHW, whole.images_NCHW)
    assert found.notes == whole.notes
    assert found.images_NCHW[0].max() == 255
