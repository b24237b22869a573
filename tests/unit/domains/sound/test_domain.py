import base64
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from lds_mlflow.data import Reading
from lds_mlflow.domains import domain_of, domain_of_source
from lds_mlflow.errors import ConfigError, DataError
from tests.sounds import folder_of_tones, tone, write_sound
from tests.unit.data.conftest import save

SOUND = domain_of("sound")


def _zip(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"recordings/{file.name}")
    return path


def test_a_folder_and_a_zip_of_sound_are_sound_and_nothing_else_is(tmp_path: Path) -> None:
    tones = folder_of_tones(tmp_path / "tones", 4)
    assert domain_of_source(str(tones)) is SOUND
    assert domain_of_source(str(_zip(tones, tmp_path / "tones.zip"))) is SOUND
    save(tones / "cover.png")
    assert domain_of_source(str(tones)) is SOUND
    save(tmp_path / "pictures" / "a.png")
    (tmp_path / "notes.txt").write_text("no zip")
    for other in ("pictures", "nowhere", "notes.txt"):
        assert domain_of_source(str(tmp_path / other)).name == "images"
    assert domain_of_source("digits").name == "images"


def test_classes_come_from_folders_from_tables_and_from_the_parts_of_names(tmp_path: Path) -> None:
    named = SOUND.load(str(folder_of_tones(tmp_path / "named", 8)), Reading())
    assert (named.domain, named.class_names_K) == ("sound", ("high", "low"))
    assert SOUND.describe(named) == "8 clips of sound"
    by_second = SOUND.load(str(tmp_path / "named"), Reading(label="name_2"))
    assert by_second.class_names_K == ("00", "01", "02", "03")
    foldered = tmp_path / "foldered"
    for name, frequency in (("a", 300), ("b", 900)):
        for i in range(2):
            write_sound(foldered / name / f"x_{i}.wav", tone(frequency + i))
    assert SOUND.load(str(foldered), Reading()).class_names_K == ("a", "b")
    (tmp_path / "named" / "labels.csv").write_text(
        "file,pitch\n" + "".join(f"{file},{'one' if i < 4 else 'two'}\n" for i, file in enumerate(named.ids_N))
    )
    assert SOUND.load(str(tmp_path / "named"), Reading()).class_names_K == ("one", "two")


def test_a_zip_is_read_as_its_folder_is(tmp_path: Path) -> None:
    tones = folder_of_tones(tmp_path / "tones", 6)
    one, other = (SOUND.load(str(path), Reading()) for path in (tones, _zip(tones, tmp_path / "tones.zip")))
    assert torch.equal(one.examples_N, other.examples_N)
    assert one.labels_N is not None
    assert other.labels_N is not None
    assert torch.equal(one.labels_N, other.labels_N)


@pytest.mark.parametrize(("name", "value"), [("resolution", 32), ("channels", 3)])
def test_a_form_that_sound_does_not_have_is_refused(tmp_path: Path, name: str, value: int) -> None:
    reading = Reading(resolution=value) if name == "resolution" else Reading(channels=value)
    with pytest.raises(ConfigError, match=f"{name}: found {value}, with data that is sound"):
        SOUND.load(str(folder_of_tones(tmp_path, 2)), reading)


def test_a_folder_of_silence_is_refused_in_words(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", np.zeros(8000, np.float32))
    with pytest.raises(DataError, match="files of silence"):
        SOUND.load(str(tmp_path), Reading(tolerated=0.5))


def test_clips_are_answered_and_kept_as_wav_and_shown_as_pictures(tmp_path: Path) -> None:
    pictures_N = SOUND.load(str(folder_of_tones(tmp_path, 12)), Reading()).examples_N
    wav = base64.b64decode(SOUND.formats["wav"](pictures_N[0]))
    assert wav.startswith(b"RIFF")
    assert wav == SOUND.file_content(pictures_N[0])
    assert next(iter(SOUND.formats)) == "wav"
    files = SOUND.files(pictures_N)
    assert list(files) == [f"0{i}.wav" for i in range(8)]
    assert files["00.wav"] == wav
    assert base64.b64decode(SOUND.formats["png"](pictures_N[0])).startswith(b"\x89PNG")


def test_the_gallery_plays_clips() -> None:
    gallery = SOUND.gallery
    assert gallery is not None
    assert gallery.page.is_file()
    assert gallery.besides == {"wav": "audio/wav"}
    assert {gallery.picture, gallery.archived, *gallery.besides} <= set(SOUND.formats)
