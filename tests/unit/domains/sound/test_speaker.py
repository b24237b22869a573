from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("librosa", reason="the extra audio is not installed")
pytest.importorskip("soundfile", reason="the extra audio is not installed")

from lds_mlflow.domains.sound import speaker
from lds_mlflow.domains.sound.speaker import SpeakerExtractor
from lds_mlflow.domains.sound.spectra import picture_of
from lds_mlflow.errors import ArtifactError, ConfigError
from tests.sounds import tone


def _pictures(*frequencies: float) -> torch.Tensor:
    return torch.stack([torch.from_numpy(picture_of(2 * tone(frequency))) for frequency in frequencies])


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as Resemblyzer has it, of weights that were not trained."""
    torch.manual_seed(0)
    modules = {"lstm": nn.LSTM(40, 256, 3, batch_first=True), "linear": nn.Linear(256, 256)}
    state = {f"{name}.{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    path = tmp_path / "pretrained.pt"
    torch.save({"model_state": {**state, "similarity_weight": torch.ones(1)}, "step": 1}, path)
    return path


def test_features_have_the_length_one_and_depend_on_their_clip_alone(weights: Path) -> None:
    encoder, pictures_N = SpeakerExtractor(weights), _pictures(300, 900, 2000)
    features_NF = encoder.features(pictures_N)
    assert features_NF.shape == (3, 256)
    assert torch.allclose(features_NF.norm(dim=1), torch.ones(3))
    assert torch.allclose(encoder.features(pictures_N[1:2])[0], features_NF[1], atol=1e-6)
    assert encoder.name.startswith("speaker-")
    assert encoder.features(torch.zeros(1, 1, 64, 64, dtype=torch.uint8)).isfinite().all()


@pytest.mark.parametrize("frequency", [400, 1200, 3000])
def test_the_encoder_hears_the_bands_that_it_was_trained_on(frequency: float) -> None:
    librosa = pytest.importorskip("librosa")
    sound = tone(frequency, 0.5)
    wave = np.pad(librosa.resample(sound / np.abs(sound).max(), orig_sr=8000, target_sr=16_000), (0, 17_600))
    expected = librosa.feature.melspectrogram(y=wave, sr=16_000, n_fft=400, hop_length=160, n_mels=40).T
    picture = torch.from_numpy(picture_of(sound / np.abs(sound).max()))
    found = speaker._mels(picture[None])[0].numpy()
    assert found.shape == (160, 40)
    assert found.sum() == pytest.approx(expected.sum(), rel=0.2)
    assert abs(int(found.sum(0).argmax()) - int(expected.sum(0).argmax())) <= 1


def test_quiet_sound_is_raised_to_the_loudness_that_the_encoder_knows() -> None:
    (picture,) = _pictures(900)
    quiet = picture.float().sub(255 * 40 / 80).clamp(min=0).to(torch.uint8)
    sums = [float(speaker._mels(one[None]).sum()) for one in (picture, quiet)]
    assert sums[1] > sums[0] * 1e-3


@pytest.mark.parametrize("content", [b"nothing", b""])
def test_a_file_that_is_no_encoder_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"the file pretrained.pt of the package resemblyzer"):
        SpeakerExtractor(path)


def test_weights_of_another_network_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"model_state": {"linear.weight": torch.zeros(2, 2)}}, path)
    for wrong in (path, tmp_path / "nowhere.pt"):
        with pytest.raises(ArtifactError, match="weights of the speaker encoder"):
            SpeakerExtractor(wrong)


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "INSTALLED", {"no_such_module": "resemblyzer"})
    with pytest.raises(ConfigError, match=r"uv pip install --python .* --no-deps resemblyzer"):
        SpeakerExtractor()


@pytest.mark.skipif(find_spec("resemblyzer") is None, reason="resemblyzer's weights are not installed")
def test_the_published_weights_are_read() -> None:
    features_NF = SpeakerExtractor().features(_pictures(300, 310, 2500))
    assert (features_NF @ features_NF.T)[0, 1] > (features_NF @ features_NF.T)[0, 2]
