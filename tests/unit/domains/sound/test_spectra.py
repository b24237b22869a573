import io
import wave

import numpy as np
import pytest
import torch

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from lds_mlflow.domains.sound.spectra import RATE, SAMPLES, picture_of, powers_of, wav_of, waves_of
from tests.sounds import tone


def _picture(frequency: float, seconds: float = 0.5) -> torch.Tensor:
    sound = tone(frequency, seconds)
    return torch.from_numpy(picture_of(sound / np.abs(sound).max()))


def _pitch(sound: torch.Tensor) -> float:
    spectrum = torch.fft.rfft(sound).abs()
    return float(spectrum.argmax()) * RATE / len(sound)


def test_a_picture_is_grey_with_high_sounds_on_top_and_silence_at_the_end() -> None:
    low, high = _picture(300), _picture(3000)
    assert low.shape == (1, 64, 64)
    assert low.dtype == torch.uint8
    rows = [int(picture[0].float().mean(1).argmax()) for picture in (low, high)]
    assert rows[0] > 32 > rows[1]
    assert low[0, :, -8:].max() == 0


@pytest.mark.parametrize("frequency", [250, 1000, 2500])
def test_the_sound_of_a_picture_has_its_pitch_and_its_spectrum(frequency: float) -> None:
    picture = _picture(frequency)
    (sound,) = waves_of(picture[None])
    assert sound.shape == (SAMPLES,)
    assert 0.5 < sound.abs().max() <= 1
    assert _pitch(sound) == pytest.approx(frequency, rel=0.03)
    again = torch.from_numpy(picture_of((sound / sound.abs().max()).numpy()))
    loud = picture > 128
    assert (again.int() - picture.int()).abs()[loud].float().mean() < 16


def test_the_sound_of_a_picture_does_not_depend_on_what_else_is_heard() -> None:
    pictures_N = torch.stack([_picture(400), _picture(900), torch.zeros(1, 64, 64, dtype=torch.uint8)])
    together = waves_of(pictures_N)
    assert torch.equal(together[1], waves_of(pictures_N[1:2])[0])
    assert together[2].abs().max() == 0
    assert waves_of(pictures_N[:0]).shape == (0, SAMPLES)


def test_powers_are_zero_where_a_picture_is_black() -> None:
    assert powers_of(torch.zeros(2, 1, 64, 64, dtype=torch.uint8)).max() == 0
    assert powers_of(_picture(500)[None]).shape == (1, 129, 64)


def test_a_wav_file_has_sixteen_bits_and_the_rate() -> None:
    with wave.open(io.BytesIO(wav_of(torch.tensor([0.0, 1.0, -1.0, 0.5])))) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels(), file.getnframes()) == (RATE, 2, 1, 4)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 32767, -32767, 16384]
