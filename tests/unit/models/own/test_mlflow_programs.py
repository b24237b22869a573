import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.own.mlflow_programs import read_mlflow
from lds_mlflow.models.own.pair import ExportedPair
from tests.own import FACTS, SHAPE, changed_graph, programs


def mlflow_model(folder: Path, content: bytes, **metadata: object) -> Path:
    """Writes what mlflow.pytorch.save_model(..., serialization_format="pt2") does, as far as it is read."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "model.pt2").write_bytes(content)
    (folder / "MLmodel").write_text(yaml.safe_dump({"flavors": {"pytorch": {}}, "metadata": metadata or None}))
    return folder


def test_two_models_are_a_pair(tmp_path: Path) -> None:
    encoder, decoder = (mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs()))
    pair = ExportedPair(read_mlflow(encoder, decoder, SHAPE))
    assert (pair.facts.latent_shape, pair.facts.value_range) == (FACTS.latent_shape, (-1, 1))


def test_the_metadata_say_the_range_the_name_and_the_licence(tmp_path: Path) -> None:
    encoder = mlflow_model(tmp_path / "0", programs()[0], value_range=[0, 1], name="faces", licence="MIT")
    facts = ExportedPair(read_mlflow(encoder, mlflow_model(tmp_path / "1", programs()[1]), SHAPE)).facts
    assert (facts.value_range, facts.name, facts.licence) == ((0, 1), "faces", "MIT")


def test_a_model_that_is_saved_as_a_pickle_is_refused(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    (folders[1] / "data" / "model.pt2").rename(folders[1] / "data" / "model.pth")
    with pytest.raises(ArtifactError, match=r"no data/model\.pt2"):
        read_mlflow(folders[0], folders[1], SHAPE)


def test_an_encoder_of_other_examples_is_refused(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    with pytest.raises(ArtifactError, match="the encoder"):
        read_mlflow(folders[0], folders[1], (3, 4))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [\n", "MLmodel"),
        ("a: " + "[" * 20_000, "MLmodel"),
        ("day: 2026-13-01", "MLmodel"),
        ("- a list", "something else"),
        ("metadata: a text", "something else"),
        ("metadata: {value_range: abc}", "value_range='abc'"),
        ("metadata: {value_range: [1]}", "two numbers"),
        ("metadata: {value_range: [a, b]}", "two numbers"),
    ],
)
def test_a_damaged_description_is_an_error_in_a_sentence(tmp_path: Path, text: str, what: str) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    (folders[0] / "MLmodel").write_text(text)
    with pytest.raises(ArtifactError, match=what):
        read_mlflow(folders[0], folders[1], SHAPE)


def test_a_description_that_is_no_text_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    folders = [mlflow_model(tmp_path / str(n), content) for n, content in enumerate(programs())]
    (folders[0] / "MLmodel").write_bytes(b"\xff\xfe")
    with pytest.raises(ArtifactError, match="MLmodel"):
        read_mlflow(folders[0], folders[1], SHAPE)


def _without_inputs(graph: dict[str, Any]) -> None:
    graph["graph_module"]["signature"]["input_specs"] = []


class _Row(nn.Module):
    """Takes a number without rows."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def _numbers() -> bytes:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(_Row(), (torch.tensor(0.0),)), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (lambda: b"truncated", "no archive"),
        (lambda: programs()[0][:-40], "found"),
        (lambda: changed_graph(programs()[0], _without_inputs), "found"),
        (lambda: changed_graph(programs()[0], lambda graph: graph.pop("graph_module")), "found"),
        (_numbers, "found"),
    ],
    ids=["text", "cut", "no inputs", "no module", "no rows"],
)
def test_a_damaged_program_is_an_error_in_a_sentence(tmp_path: Path, content: Callable[[], bytes], found: str) -> None:
    folders = [mlflow_model(tmp_path / "0", content()), mlflow_model(tmp_path / "1", programs()[1])]
    with pytest.raises(ArtifactError, match=f"the encoder in .*: .*{found}"):
        read_mlflow(folders[0], folders[1], SHAPE)
