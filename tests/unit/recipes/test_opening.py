"""Opening a model of the user's own: what is found of it, and what twelve broken or hostile ones end with."""

import io
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import torch
from mlflow.models import infer_signature
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError, LdsError
from lds_mlflow.models.own import ExportedPair, write_pair
from lds_mlflow.models.programs import program_of
from lds_mlflow.recipes.opening import digest_of_model, open_own
from lds_mlflow.values import ExampleSet
from tests.own import (
    FACTS,
    SHAPE,
    DecoderNetwork,
    EncoderNetwork,
    changed_graph,
    exported_pair,
    noisy_weights,
    programs,
    scripted,
    write_folder,
)
from tests.tiny import random_images

SELECT = ExampleSet("noise", random_images(), tuple(map(str, range(24))))


def _with(
    folder: Path, decoder: bytes | nn.Module, encoder: bytes | nn.Module | None = None, **changes: object
) -> Path:
    """Writes a pair with another decoder, or another encoder too."""
    if isinstance(decoder, nn.Module):
        decoder = program_of(decoder.eval(), torch.zeros(64), strict=False)
    if isinstance(encoder, nn.Module):
        encoder = program_of(encoder.eval(), torch.zeros(SHAPE), strict=False)
    return write_folder(folder, {"encoder.pt2": encoder or programs()[0], "decoder.pt2": decoder}, **changes)


def test_what_is_found_of_a_model_is_a_table(tmp_path: Path) -> None:
    opened = open_own(str(exported_pair(tmp_path)), SELECT, "cpu")
    table = opened.table().splitlines()
    assert table[0] == "open       model                 somebody's, licence MIT"
    assert "           latents               64 numbers" in table
    assert "           rows at once          encoder any number, decoder any number" in table
    assert "           reconstruction        MSE 0.0000, 100% of the variance" in table
    assert "           grey                  0.50 becomes 0.50" in table
    assert opened.figures["explained"] == 1
    assert opened.figures["change_by_repetition"] == opened.figures["change_by_batch"] == 0
    assert opened.alarms == []
    assert opened.sentence.startswith("somebody's (licence MIT) of 1x8x8, 0.00 M parameters, latents 64; on the select")


def test_a_decoder_that_takes_noise_is_deterministic(tmp_path: Path) -> None:
    write_pair(ExportedPair(noisy_weights()), replace(FACTS, noise_shape=SHAPE), tmp_path)
    opened = open_own(str(tmp_path), SELECT, "cpu")
    assert "           noise                 1x8x8, by the latent and the seed 0" in opened.table().splitlines()
    assert opened.figures["change_by_repetition"] == 0
    assert opened.alarms == []


class _Blind(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        return torch.tanh(z.roll(7, 1) * 3).view(-1, 1, 8, 8)


class _Chance(DecoderNetwork):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) + 0.1 * torch.randn_like(z).view(-1, 1, 8, 8)


class _OfBatch(DecoderNetwork):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) + 0.1 * z.mean()


class _InUnits(DecoderNetwork):
    """Decodes to 0..1, from what an encoder of 0..1 makes."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).clamp(0, 1)


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (_Blind(), "may be of different models, or hardly trained"),
        (_Chance(), "The model is not deterministic"),
        (_OfBatch(), "The rows of a batch influence each other"),
        (_InUnits(), "The likely cause: value_range should be [0.0, 1.0]"),
    ],
)
def test_what_makes_a_model_worth_little_is_an_alarm(tmp_path: Path, decoder: nn.Module, said: str) -> None:
    assert said in " ".join(open_own(str(_with(tmp_path, decoder)), SELECT, "cpu").alarms)


class _First(nn.Module):
    """Encodes the first channel of three, and decodes it for all: grey where the first is what matters."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].flatten(1)


class _FirstOfThree(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        x = z.view(-1, 1, 8, 8)
        return torch.cat([x, torch.zeros_like(x), torch.zeros_like(x)], 1)


def test_another_order_of_the_channels_is_named_as_the_likely_cause(tmp_path: Path) -> None:
    shape = (3, 8, 8)
    files = {
        "encoder.pt2": program_of(_First(), torch.zeros(shape), strict=False),
        "decoder.pt2": program_of(_FirstOfThree(), torch.zeros(64), strict=False),
    }
    images_NCHW = torch.full((24, *shape), 128, dtype=torch.uint8)
    images_NCHW[:, 2:] = random_images()
    select = ExampleSet("blue", images_NCHW, SELECT.ids_N)
    (alarm,) = open_own(str(write_folder(tmp_path, files, example_shape=shape)), select, "cpu").alarms
    assert "the channels are in the order blue, green, red" in alarm


class _Touch:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (Path(os.environ["OWNED"]),)


class _Infinite(DecoderNetwork):
    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z) / 0


def _named(folder: Path, name: str, content: bytes = b"") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content or pickle.dumps(_Touch()))
    return folder / name


def _pythae(folder: Path) -> Path:
    _named(folder, "model_config.json", b"{}")
    return _named(folder, "model.pt").parent


def _torch_script_that_writes(folder: Path) -> Path:
    class Writing(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            torch.save(z, "owned")
            return z.view(-1, 1, 8, 8)

    return write_folder(folder, {"encoder.pt2": programs()[0], "decoder.ts": scripted(Writing())})


def _graph_that_writes(folder: Path) -> Path:
    def change(graph: dict[str, dict[str, dict[str, list[dict[str, object]]]]]) -> None:
        graph["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.mkdir"

    return _with(folder, changed_graph(programs()[1], change))


HOSTILE: dict[str, tuple[Callable[[Path], Path | str], str]] = {
    "a pickle that is named .pt2": (lambda folder: _with(folder, pickle.dumps(_Touch())), "found no archive"),
    "a pickle of StyleGAN": (lambda folder: _named(folder, "stylegan2.pkl"), "a pickle, which can run any code"),
    "a folder of pythae": (_pythae, "a model of pythae, whose weights are a pickle"),
    "another shape": (
        lambda folder: write_folder(folder, _files(), example_shape=[3, 64, 64]),
        "of examples [3, 64, 64]",
    ),
    "another shape of latents": (
        lambda folder: write_folder(folder, _files(), latent_shape=[32]),
        "[64]; expected [32]",
    ),
    "values that are not finite": (lambda folder: _with(folder, _Infinite()), "examples that are not finite"),
    "no digests": (lambda folder: write_folder(folder, _files(), sha256=None), "no digest of it in generator.json"),
    "an address where nothing is": (lambda _: "models:/nobody/7", "models:/nobody/7"),
    "a path where nothing is": (lambda folder: folder / "nowhere", "found nothing"),
    "TorchScript that writes a file": (_torch_script_that_writes, "does more than compute (save)"),
    "a graph that writes a file": (_graph_that_writes, "something other than a graph: torch.os.mkdir"),
    "a program of another function": (lambda folder: _with(folder, programs()[0]), "the decoder"),
}


def _files() -> dict[str, bytes]:
    return dict(zip(("encoder.pt2", "decoder.pt2"), programs(), strict=True))


@pytest.mark.parametrize(("given", "found"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_or_broken_model_is_refused_in_a_sentence_and_nothing_is_executed(
    given: Callable[[Path], Path | str], found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local_store: str
) -> None:
    monkeypatch.setenv("OWNED", str(tmp_path / "owned"))
    monkeypatch.chdir(tmp_path)
    place = given(tmp_path / "model")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(LdsError) as caught:
        open_own(str(place), SELECT, "cpu")
    assert found in str(caught.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pickle_beside_a_model_is_named_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNED", str(tmp_path / "owned"))
    exported_pair(tmp_path / "model")
    _named(tmp_path / "model", "diffusion_pytorch_model.bin")
    table = open_own(str(tmp_path / "model"), SELECT, "cpu").table()
    assert "not read              diffusion_pytorch_model.bin: a pickle" in table
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("rows", [3, 40])
def test_a_program_of_a_fixed_batch_is_used_as_it_is(tmp_path: Path, rows: int) -> None:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(DecoderNetwork(), (torch.zeros(rows, 64),)), buffer)
    opened = open_own(str(_with(tmp_path, buffer.getvalue())), SELECT, "cpu")
    assert f"encoder any number, decoder exactly {rows}" in opened.table()
    assert opened.alarms == []


def test_torchscript_is_used_too(tmp_path: Path) -> None:
    files = {"encoder.pt": scripted(EncoderNetwork()), "decoder.ts": scripted(DecoderNetwork())}
    assert open_own(str(write_folder(tmp_path, files)), SELECT, "cpu").figures["explained"] == 1


@pytest.mark.parametrize("given", ["", ","])
def test_no_model_is_an_error_before_anything_is_read(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lds_mlflow.recipes.opening.digest_of_file", lambda path: pytest.fail(f"{path} was read"))
    for command in (digest_of_model, lambda given: open_own(given, SELECT, "cpu")):
        with pytest.raises(LdsError, match="no model"):
            command(given)


def test_a_comma_at_the_end_names_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = exported_pair(tmp_path / "model")
    assert digest_of_model(f"{model},") == digest_of_model(str(model))


def test_the_digest_is_that_of_the_files_wherever_they_lie(tmp_path: Path) -> None:
    one, other = exported_pair(tmp_path / "one"), exported_pair(tmp_path / "other")
    assert digest_of_model(str(one)) == digest_of_model(str(other))
    (other / "generator.json").write_text("{}")
    assert digest_of_model(str(one)) != digest_of_model(str(other)) != digest_of_model(str(tmp_path / "nowhere"))
    with pytest.raises(ArtifactError):
        open_own(str(other), SELECT, "cpu")


def test_models_that_mlflow_has_logged_as_pt2_are_used_by_every_address(local_store: str) -> None:
    x, z = (np.zeros((2, *shape), np.float32) for shape in (SHAPE, (64,)))
    # Looking up what a network needs takes MLflow ten seconds.
    usual: dict[str, Any] = {"serialization_format": "pt2", "pip_requirements": []}
    with mlflow.start_run() as run:
        for name, network, example in (("enc", EncoderNetwork(), x), ("dec", DecoderNetwork(), z)):
            signature = infer_signature(example)
            mlflow.pytorch.log_model(
                network,
                name=name,
                input_example=example,
                signature=signature,
                registered_model_name=name,
                metadata={"licence": "MIT"},
                **usual,
            )
    id_ = run.info.run_id
    for given, name in {
        f"runs:/{id_}/enc,runs:/{id_}/dec": "enc",
        "models:/enc/1,models:/dec/1": "enc",
    }.items():
        opened = open_own(given, SELECT, "cpu")
        assert opened.table().startswith(f"open       model                 {name}, licence MIT")
        assert opened.figures["explained"] == 1
        assert opened.alarms == []
