import contextlib
import io
import json
import os
import pickle
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.features import programs
from lds_mlflow.metrics.features.programs import ProgramExtractor
from lds_mlflow.metrics.features.resizing import resize_images

SIDE = 12
Shapes = dict[str, dict[int, torch.export.Dim]]
ANY_BATCH: Shapes = {"x": {0: torch.export.Dim("batch")}}


class Network(nn.Module):
    """Features of an image: the means of four maps over space."""

    def __init__(self, drop: float = 0.5) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(drop))

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.body(x)
        return maps.mean((2, 3))


class Maps(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, 0]


class OneRow(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).mean(0, keepdim=True)


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.mean((2, 3)), x.mean((2, 3))


def _script(network: nn.Module, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(network).save(path)
    return path


def _export(network: nn.Module, path: Path, shapes: Shapes | None) -> Path:
    torch.export.save(torch.export.export(network, (torch.rand(2, 3, SIDE, SIDE),), dynamic_shapes=shapes), path)
    return path


def _images(n: int = 5, channels: int = 3, side: int = SIDE) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (n, channels, side, side), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope="module")
def network() -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Network()
        network(torch.rand(64, 3, SIDE, SIDE))
    return network.eval()


@pytest.fixture(scope="module")
def folder(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network as program.pt and program.pt2."""
    folder = tmp_path_factory.mktemp("programs")
    _script(network, folder / "program.pt")
    _export(network, folder / "program.pt2", ANY_BATCH)
    return folder


@pytest.fixture(scope="module", params=["program.pt", "program.pt2"])
def path(request: pytest.FixtureRequest, folder: Path) -> Path:
    return folder / str(request.param)


@torch.inference_mode()
def test_features_are_what_the_program_makes_of_pixels_in_0_to_1(path: Path, network: Network) -> None:
    found = ProgramExtractor(path).features(_images())
    assert (found.shape, found.dtype) == ((5, 4), torch.float32)
    torch.testing.assert_close(found, network(_images().float() / 255))


@torch.inference_mode()
def test_images_are_brought_to_the_program_s_side(path: Path, network: Network) -> None:
    extractor = ProgramExtractor(path, side=SIDE)
    assert extractor.resize == f"bicubic, antialiased, to {SIDE}x{SIDE}, rounded to 8 bits"
    expected = network(resize_images(_images(side=40), SIDE).float() / 255)
    torch.testing.assert_close(extractor.features(_images(side=40)), expected)


def test_without_a_side_images_are_taken_as_they_are(folder: Path) -> None:
    extractor = ProgramExtractor(folder / "program.pt")
    assert extractor.resize == "none"
    assert extractor.features(_images(side=20)).shape == (5, 4)


def test_a_grey_image_is_the_colour_image_of_equal_channels(path: Path) -> None:
    extractor, grey = ProgramExtractor(path), _images(channels=1)
    torch.testing.assert_close(extractor.features(grey), extractor.features(grey.repeat(1, 3, 1, 1)))


def test_neither_order_nor_batch_matters(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor, images = ProgramExtractor(path), _images(5)
    whole = extractor.features(images)
    monkeypatch.setattr(programs, "_BATCH", 2)
    torch.testing.assert_close(extractor.features(images.flip(0)).flip(0), whole)


def test_the_name_follows_the_file_and_the_side(folder: Path) -> None:
    same, other = folder / "program.pt", folder / "program.pt2"
    names = {ProgramExtractor(same).name, ProgramExtractor(same, side=SIDE).name, ProgramExtractor(other).name}
    assert len(names) == 3
    assert all(name.startswith("program-") and len(name) == 16 for name in names)
    assert ProgramExtractor(same).name == ProgramExtractor(same).name


def test_a_script_in_training_mode_is_evaluated(network: Network, tmp_path: Path) -> None:
    try:
        path = _script(network.train(), tmp_path / "training.ts")
    finally:
        network.eval()
    with torch.inference_mode():
        torch.testing.assert_close(ProgramExtractor(path).features(_images()), network(_images().float() / 255))


def _refusal(act: Callable[[], object]) -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        act()
    assert caught.value.what.startswith("program ")
    return caught.value


@pytest.mark.parametrize("drop", [0.5, 0.0], ids=["by chance", "by the batch"])
def test_a_program_exported_in_training_mode_is_refused(tmp_path: Path, drop: float) -> None:
    extractor = ProgramExtractor(_export(Network(drop), tmp_path / "training.pt2", ANY_BATCH))
    error = _refusal(lambda: extractor.features(_images()))
    assert "alone" in error.found
    assert "eval()" in error.remedy


def test_a_program_of_a_fixed_batch_is_refused_at_once(network: Network, tmp_path: Path) -> None:
    path = _export(network, tmp_path / "fixed.pt2", None)
    error = _refusal(lambda: ProgramExtractor(path))
    assert "batches of exactly 2" in error.found
    assert "dynamic batch dimension" in error.remedy


def test_images_of_another_side_than_the_program_s_name_both(folder: Path) -> None:
    extractor = ProgramExtractor(folder / "program.pt2")
    error = _refusal(lambda: extractor.features(_images(side=20)))
    assert "[5, 3, 20, 20]" in error.found
    assert f"== {SIDE}" in error.found
    assert "side" in error.remedy


@pytest.mark.parametrize(
    ("network", "found"),
    [
        (Maps(), "[5, 3, 12] for images [5, 3, 12, 12]"),
        (OneRow(), "[1, 3] for images [5, 3, 12, 12]"),
        (Pair(), "a tuple for images [5, 3, 12, 12]"),
    ],
    ids=["maps", "one row", "pair"],
)
def test_what_is_no_row_an_image_is_refused(network: nn.Module, found: str, tmp_path: Path) -> None:
    extractor = ProgramExtractor(_script(network, tmp_path / "other.pt"))
    assert _refusal(lambda: extractor.features(_images())).found == found


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    assert "No such file" in _refusal(lambda: ProgramExtractor(tmp_path / f"nowhere{suffix}")).found


@pytest.mark.parametrize("suffix", [".pt", ".pt2"])
def test_weights_alone_are_no_program(network: Network, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    torch.save(network.state_dict(), path)
    assert "torch.jit.save" in _refusal(lambda: ProgramExtractor(path)).remedy


def test_a_truncated_program_is_refused(path: Path, tmp_path: Path) -> None:
    half = tmp_path / f"half{path.suffix}"
    half.write_bytes(path.read_bytes()[:1000])
    assert _refusal(lambda: ProgramExtractor(half)).found


class _Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def _rewritten(source: Path, path: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """Copies a program; records whose names end in a key are changed, or made of nothing."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        records = {name: old.read(name) for name in old.namelist()}
        for ending, change in changes.items():
            name = next((name for name in records if name.endswith(ending)), f"program/{ending}")
            records[name] = change(records.get(name, b""))
        for name, content in records.items():
            new.writestr(name, content)
    return path


def _saved(payload: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def _pickled_weight(config: bytes) -> bytes:
    table = json.loads(config)
    for weight in table["config"].values():
        weight["use_pickle"] = weight["path_name"] == "weight_0"
    return json.dumps(table).encode()


def _opaque_constant(config: bytes) -> bytes:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    return json.dumps({"config": {"constant": entry}}).encode()


@pytest.mark.parametrize("place", ["sample inputs", "weights", "constants"])
def test_an_exported_program_with_a_pickle_is_refused_without_unpickling(
    folder: Path, tmp_path: Path, place: str
) -> None:
    target = tmp_path / "owned"
    places: dict[str, dict[str, Callable[[bytes], bytes]]] = {
        "sample inputs": {"data/sample_inputs/model.pt": lambda _: _saved((_Payload(target),))},
        "weights": {"weights_config.json": _pickled_weight, "weights/weight_0": lambda _: _saved(_Payload(target))},
        "constants": {
            "constants_config.json": _opaque_constant,
            "data/constants/opaque_obj_0": lambda _: pickle.dumps(_Payload(target)),
        },
    }
    evil = _rewritten(folder / "program.pt2", tmp_path / "evil.pt2", places[place])
    _refusal(lambda: ProgramExtractor(evil))
    assert not target.exists()
    # Read without care, the same file does what it is there for.
    with contextlib.suppress(Exception):
        torch.export.load(evil)
    assert target.exists()
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


@pytest.mark.parametrize("record", ["data.pkl", "constants.pkl"])
def test_torchscript_unpickles_its_own_types_alone(folder: Path, tmp_path: Path, record: str) -> None:
    target = tmp_path / "owned"
    evil = pickle.dumps(_Payload(target), protocol=2)
    path = _rewritten(folder / "program.pt", tmp_path / "evil.pt", {f"/{record}": lambda _: evil})
    _refusal(lambda: ProgramExtractor(path))
    assert not target.exists()
    # Read without care, the same bytes do what they are there for.
    pickle.loads(evil)
    assert target.exists()


def test_the_variable_that_forbids_pickles_is_put_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "0")
    ProgramExtractor(folder / "program.pt2")
    assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "0"
