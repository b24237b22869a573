from pathlib import Path

import pytest
import torch
from torch import Tensor

from lds_mlflow.domains import Instruments
from lds_mlflow.domains.sound import figures
from lds_mlflow.domains.sound.figures import further_figures
from lds_mlflow.errors import ConfigError
from lds_mlflow.metrics import RealExamples, frechet_distance
from lds_mlflow.values import ExampleSet


class _Means:
    """Means of four parts of a picture as features."""

    name, resize = "means", "none"

    def __init__(self, device: str = "cpu") -> None:
        self.calls = 0

    def features(self, examples_N: Tensor, /) -> Tensor:
        return torch.stack([part.float().mean((1, 2, 3)) for part in examples_N.chunk(4, dim=3)], 1) / 255


class _Brightness:
    """Takes bright pictures for loud."""

    name = "brightness"

    def classes(self, examples_N: Tensor, /) -> Tensor:
        return (examples_N.float().mean((1, 2, 3)) > 128).long()


def _set(n: int, seed: int) -> ExampleSet:
    labels_N = torch.arange(n) % 2
    noise = torch.rand(n, 1, 64, 64, generator=torch.Generator().manual_seed(seed))
    pictures_N = (100 * noise + 155 * labels_N[:, None, None, None]).to(torch.uint8)
    ids = tuple(map(str, range(n)))
    return ExampleSet("tones", pictures_N, ids, labels_N, ("quiet", "loud"), domain="sound")


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> RealExamples:
    monkeypatch.setattr(figures, "SpeakerExtractor", _Means)
    return RealExamples(_set(40, 0), _set(20, 1))


def test_distances_are_by_the_speaker_encoder_with_those_of_training_clips_as_their_floor(real: RealExamples) -> None:
    samples_S = _set(20, 2).examples_N // 2
    found = further_figures(samples_S, real, Instruments())
    features = _Means().features
    expected = frechet_distance(features(real.held_out.examples_N), features(samples_S))
    assert found.estimates["fad"].value == pytest.approx(expected)
    assert found.floor["fad"] < found.estimates["fad"].value
    assert found.floor["kad"] < found.estimates["kad"].value
    assert (len(found.estimates["kad"].by_real_N), len(found.estimates["kad"].by_sample_S)) == (20, 20)


def test_features_are_kept_where_there_is_a_folder_for_them(real: RealExamples, tmp_path: Path) -> None:
    samples_S = _set(20, 2).examples_N
    kept = [further_figures(samples_S, real, Instruments(cache=tmp_path)).floor["fad"] for _ in range(2)]
    assert kept[0] == kept[1]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_class_is_heard_in_its_samples_as_often_as_the_classifier_takes_them_for_it(real: RealExamples) -> None:
    def draw(name: str, n: int) -> Tensor:
        return torch.full((n, 1, 64, 64), 200, dtype=torch.uint8)

    found = further_figures(_set(20, 2).examples_N, real, Instruments(_Brightness(), draw))
    assert found.values["class_accuracy"] == 0.5
    assert found.floor["class_accuracy"] == 1
    ((caption, table),) = found.tables.items()
    assert caption.endswith(".")
    assert table.to_numpy().tolist() == [["quiet", "0.0%", "100.0%"], ["loud", "100.0%", "100.0%"]]


def test_a_sampler_without_classes_is_said_to_have_none(real: RealExamples) -> None:
    found = further_figures(_set(20, 2).examples_N, real, Instruments(_Brightness()))
    assert found.values == {}
    assert "The sampler density does." in found.notes[0]


def test_a_class_without_held_out_clips_has_no_floor(real: RealExamples) -> None:
    loud = real.held_out.take(torch.arange(1, 20, 2))
    found = further_figures(
        loud.examples_N,
        RealExamples(real.train, loud),
        Instruments(_Brightness(), lambda name, n: torch.zeros(n, 1, 64, 64, dtype=torch.uint8)),
    )
    assert found.floor["class_accuracy"] == 1
    (table,) = found.tables.values()
    assert table.iloc[0, 2] == "nan%"


def test_without_the_encoders_weights_the_rest_is_measured_and_the_command_is_said(
    real: RealExamples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(device: str) -> None:
        raise ConfigError("the speaker encoder", found="none", expected="weights", remedy="Run: uv pip install it")

    monkeypatch.setattr(figures, "SpeakerExtractor", missing)
    found = further_figures(_set(20, 2).examples_N, real, Instruments())
    assert found.estimates == {}
    assert found.notes[0].endswith("Run: uv pip install it")
