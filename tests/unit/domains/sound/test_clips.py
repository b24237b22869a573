from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from lds_mlflow.data import Fault, Reading
from lds_mlflow.domains.sound.clips import Clip, decode_clip, pack_clips
from lds_mlflow.errors import DataError
from tests.sounds import tone, write_sound


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _decoded(path: Path) -> Clip | Fault:
    return decode_clip((path.name, _opener(path)))


def _clip(path: Path) -> Clip:
    found = _decoded(path)
    assert isinstance(found, Clip)
    return found


@pytest.mark.parametrize(
    ("name", "rate", "channels", "subtype"),
    [
        ("stereo.wav", 8000, 2, None),
        ("24-bit.wav", 8000, 1, "PCM_24"),
        ("floats.wav", 8000, 1, "FLOAT"),
        ("8-bit.wav", 8000, 1, "PCM_U8"),
        ("fast.wav", 44_100, 1, None),
        ("slow.flac", 16_000, 2, None),
        ("packed.ogg", 22_050, 1, None),
    ],
)
def test_every_form_of_a_sound_becomes_about_the_same_picture(
    tmp_path: Path, name: str, rate: int, channels: int, subtype: str | None
) -> None:
    plain = _clip(write_sound(tmp_path / "plain.wav", tone(700)))
    wave = np.repeat(tone(700, rate=rate)[:, None], channels, axis=1)
    clip = _clip(write_sound(tmp_path / name, wave, rate, subtype))
    assert (clip.rate, clip.channels, clip.is_cut) == (rate, channels, False)
    loud = plain.picture > 150
    assert np.abs(clip.picture[loud].astype(int) - plain.picture[loud]).mean() < 8


def test_a_picture_does_not_know_how_loud_its_clip_was(tmp_path: Path) -> None:
    quiet, loud = (write_sound(tmp_path / f"{gain}.wav", gain * tone(700), subtype="FLOAT") for gain in (0.01, 1.9))
    assert np.array_equal(_clip(quiet).picture, _clip(loud).picture)


def test_of_a_long_clip_the_loudest_part_is_taken(tmp_path: Path) -> None:
    quiet = 0.01 * tone(2000, 1.0)
    clip = _clip(write_sound(tmp_path / "long.wav", np.concatenate([quiet, tone(500, 0.6), quiet]), subtype="FLOAT"))
    assert clip.is_cut
    assert clip.picture[0].astype(float).mean(1).argmax() > 32


def _nonsense(path: Path) -> None:
    path.write_bytes(b"RIFF1234WAVEnonsense")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _not_a_number(path: Path) -> None:
    write_sound(path, np.full(4000, np.nan, np.float32), subtype="FLOAT")


def _no_frames(path: Path) -> None:
    write_sound(path, tone(500)[:0])


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (_nonsense, "corrupt"),
        (_empty, "corrupt"),
        (_not_a_number, "corrupt"),
        (_no_frames, "short"),
        (lambda path: write_sound(path, tone(500)[:255]), "short"),
        (lambda path: write_sound(path, tone(500, rate=48_000)[:1000], 48_000), "short"),
        (lambda path: write_sound(path, np.zeros(8000, np.float32)), "silent"),
        (lambda path: write_sound(path, np.zeros(8 * 601, np.float32), 8), "long"),
    ],
)
def test_what_is_no_clip_is_told_apart(tmp_path: Path, make: object, kind: str) -> None:
    path = tmp_path / "odd.wav"
    assert callable(make)
    make(path)
    found = _decoded(path)
    assert isinstance(found, Fault)
    assert (found.name, found.kind) == ("odd.wav", kind)


def _pack(folder: Path, tolerated: float = 0.0, said: list[Fault] | None = None) -> list[str]:
    clips = [(path.name, _opener(path)) for path in sorted(folder.iterdir())]
    heard = [] if said is None else said
    packed = pack_clips(clips, Reading(tolerated=tolerated, on_faults=heard.extend), "voices")
    assert packed.images_NCHW.shape == (len(packed.rows_N), 1, 64, 64)
    return packed.notes


def test_what_was_done_to_clips_is_said_with_their_numbers(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(500))
    write_sound(tmp_path / "b.wav", tone(500, 2.0))
    write_sound(tmp_path / "c.wav", tone(500, rate=16_000), 16_000)
    write_sound(tmp_path / "d.wav", np.stack([tone(500, rate=44_100)] * 2, 1), 44_100)
    assert _pack(tmp_path) == [
        "Clips of other rates than 8,000 Hz, resampled to it: 2 (16,000 Hz: 1, 44,100 Hz: 1).",
        "Clips of several channels, of which the mean is read: 1.",
        "Clips that are longer than 0.63 s, of which the loudest 0.63 s are read: 1 of 4 (25.0%).",
    ]


def test_nothing_is_said_of_clips_that_fit(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", tone(500))
    assert _pack(tmp_path) == []


def test_too_many_clips_that_cannot_be_used_are_refused_and_few_are_left_out(tmp_path: Path) -> None:
    for name in "abcd":
        write_sound(tmp_path / f"{name}.wav", tone(500))
    write_sound(tmp_path / "e.wav", np.zeros(8000, np.float32))
    said: list[Fault] = []
    with pytest.raises(DataError) as caught:
        _pack(tmp_path, said=said)
    assert [fault.name for fault in said] == ["e.wav"]
    assert caught.value.what == "sound of voices"
    assert caught.value.found == "files of silence (1 in all): e.wav"
    assert _pack(tmp_path, tolerated=0.2) == []


def test_a_folder_of_which_nothing_can_be_used_is_refused(tmp_path: Path) -> None:
    _nonsense(tmp_path / "a.wav")
    with pytest.raises(DataError) as caught:
        _pack(tmp_path, tolerated=0.9)
    assert caught.value.expected.startswith("sound files that can be decoded")
