import json
import shutil
from dataclasses import fields, is_dataclass, make_dataclass, replace
from math import isnan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lds_mlflow import values
from lds_mlflow.errors import ArtifactError, DiskFullError
from lds_mlflow.store import load_value, save_value
from lds_mlflow.values import (
    AugmentationSet,
    Candidates,
    Evaluation,
    ExampleSet,
    LatentDistribution,
    LatentSet,
    ModelWeights,
    Scores,
    Selection,
)
from tests.conftest import an_evaluation, little_room

EXAMPLES: dict[str, Any] = {
    type(value).__name__: value
    for value in (
        ExampleSet(
            name="pictures",
            examples_N=torch.arange(8, dtype=torch.uint8).reshape(2, 1, 2, 2),
            ids_N=("a.png", "b.png"),
            labels_N=torch.tensor([1, 0]),
            class_names_K=("cat", "dog"),
            declared_parts_N=("train", ""),
        ),
        ModelWeights({"width": 2, "prior": "gaussian"}, {"body.weight": torch.randn(2, 3), "steps": torch.tensor(4)}),
        LatentSet(torch.randn(2, 3), torch.randn(2, 3), ("a.png", "b.png")),
        Candidates(torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]]), torch.tensor([0.1, 0.9])),
        Scores(torch.tensor([-1.5, -1000.0], dtype=torch.float64), sigma=0.1, endpoints_left_out=True),
        Selection(torch.tensor([1, 0]), "the top 20%", {"candidates": 10, "kept": 2}, {"log_tau": -1.5}, ("few",)),
        AugmentationSet(
            examples_A=torch.full((2, 1, 2, 2), 7, dtype=torch.uint8),
            z_AD=torch.tensor([[0.1, 0.9], [1.5, -2.5]]),
        ),
        LatentDistribution("prior", "the prior", {"means": torch.zeros(1, 2)}, {"sigma": 0.5}, ("cat", "dog")),
        an_evaluation(metrics={"fid": 1.25, "class_share/cat": 0.5}),
    )
}
FIELDS = [(kind, field.name) for kind, value in EXAMPLES.items() for field in fields(value)]
FILES = ("tensors.safetensors", "manifest.json")


def _assert_same(found: Any, wanted: Any) -> None:
    assert type(found) is type(wanted)
    if is_dataclass(wanted):
        for field in fields(wanted):
            _assert_same(getattr(found, field.name), getattr(wanted, field.name))
    elif isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, item in wanted.items():
            _assert_same(found[key], item)
    elif isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype
        assert torch.equal(found, wanted)
    elif isinstance(wanted, float) and isnan(wanted):
        assert isnan(found)
    else:
        assert found == wanted


def _changed(content: Any) -> Any:
    """Something of the same kind that differs a little."""
    if isinstance(content, bool):
        return not content
    if isinstance(content, int | float | torch.Tensor):
        return content + 1
    if isinstance(content, str):
        return f"{content}x"
    if isinstance(content, tuple):
        return (*content[:-1], _changed(content[-1]))
    first = next(iter(content))
    return content | {first: _changed(content[first])}


def _refusal(folder: Path, kind: str = "LatentSet") -> ArtifactError:
    with pytest.raises(ArtifactError) as caught:
        load_value(getattr(values, kind), folder)
    assert folder.name in caught.value.what
    assert str(folder.parent) in caught.value.what
    assert "reuse=false" in caught.value.remedy
    return caught.value


def _edit_manifest(folder: Path, **changes: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A folder that holds latents."""
    save_value(EXAMPLES["LatentSet"], tmp_path / "latents")
    return tmp_path / "latents"


def test_there_is_an_example_of_every_value() -> None:
    # The three parts of a data set are stored one by one.
    kinds = {name for name in values.__all__ if isinstance(getattr(values, name), type)}
    assert set(EXAMPLES) == kinds - {"Splits"}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_value_comes_back_as_it_was(tmp_path: Path, kind: str) -> None:
    save_value(EXAMPLES[kind], tmp_path / "value")
    _assert_same(load_value(getattr(values, kind), tmp_path / "value"), EXAMPLES[kind])


@settings(max_examples=15, deadline=None)
@given(data=st.data(), n=st.integers(0, 3), channels=st.sampled_from([1, 3]), labelled=st.booleans())
def test_any_images_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, n: int, channels: int, labelled: bool
) -> None:
    names = st.lists(st.text(), min_size=n, max_size=n).map(tuple)
    images = ExampleSet(
        name=data.draw(st.text()),
        examples_N=torch.randint(256, (n, channels, 2, 2), dtype=torch.uint8),
        ids_N=data.draw(names),
        labels_N=torch.arange(n) if labelled else None,
        class_names_K=data.draw(names) if labelled else (),
    )
    folder = tmp_path_factory.mktemp("value") / "images"
    save_value(images, folder)
    _assert_same(load_value(ExampleSet, folder), images)


@settings(max_examples=15, deadline=None)
@given(metrics=st.dictionaries(st.text(), st.floats()), extractor=st.text(), n=st.integers(0, 2**60))
def test_any_figures_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, metrics: dict[str, float], extractor: str, n: int
) -> None:
    evaluation = an_evaluation(
        extractor=extractor, n_samples=n, metrics=metrics, intervals={}, by_real={}, by_sample={}
    )
    folder = tmp_path_factory.mktemp("value") / "evaluation"
    save_value(evaluation, folder)
    _assert_same(load_value(Evaluation, folder), evaluation)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int32, torch.bool])
def test_weights_keep_their_type_and_their_names(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {"body/0.weight": torch.ones(2, 3).to(dtype), "": torch.tensor(1).to(dtype), "none": torch.ones(0, 2)}
    save_value(ModelWeights({}, state), tmp_path / "w")
    _assert_same(load_value(ModelWeights, tmp_path / "w").state, state)


def test_tensors_in_any_order_of_memory_come_back_as_they_were(tmp_path: Path) -> None:
    image = torch.randn(2, 3, 4, 4)
    state = {"last": image.contiguous(memory_format=torch.channels_last), "turned": image[0].mT, "part": image[:, 1]}
    save_value(ModelWeights({}, state), tmp_path / "w")
    _assert_same(load_value(ModelWeights, tmp_path / "w").state, state)


def test_tensors_that_share_memory_come_back_as_they_were(tmp_path: Path) -> None:
    z = torch.randn(2, 3)
    latents = LatentSet(z, z, ("a", "b"))
    save_value(latents, tmp_path / "latents")
    _assert_same(load_value(LatentSet, tmp_path / "latents"), latents)


def test_a_value_replaces_another_and_leaves_nothing_beside_it(stored: Path) -> None:
    save_value(EXAMPLES["Scores"], stored)
    _assert_same(load_value(Scores, stored), EXAMPLES["Scores"])
    assert list(stored.parent.iterdir()) == [stored]
    assert sorted(file.name for file in stored.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_equal_values_have_equal_digests(tmp_path: Path, kind: str) -> None:
    assert save_value(EXAMPLES[kind], tmp_path / "a") == save_value(EXAMPLES[kind], tmp_path / "b")


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_change_of_any_field_changes_the_digest(tmp_path: Path, kind: str, field: str) -> None:
    value = EXAMPLES[kind]
    other = replace(value, **{field: _changed(getattr(value, field))})
    assert save_value(value, tmp_path / "a") != save_value(other, tmp_path / "b")


@pytest.mark.parametrize("other", [torch.zeros(2, 3), torch.zeros(6), torch.zeros(3, 2, dtype=torch.int32)])
def test_the_digest_knows_the_form_and_the_type_of_a_tensor(tmp_path: Path, other: torch.Tensor) -> None:
    digests = [save_value(ModelWeights({}, {"a": a}), tmp_path / "w") for a in (torch.zeros(3, 2), other)]
    assert digests[0] != digests[1]


@pytest.mark.parametrize("place", [0, 20, -1])
def test_changed_tensors_are_refused(stored: Path, place: int) -> None:
    content = bytearray((stored / FILES[0]).read_bytes())
    content[place] ^= 0xFF
    (stored / FILES[0]).write_bytes(content)
    assert "digest" in _refusal(stored).found


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_truncated_file_is_refused(stored: Path, file: str, share: float) -> None:
    content = (stored / file).read_bytes()
    (stored / file).write_bytes(content[: int(share * len(content))])
    assert _refusal(stored).found


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_told(stored: Path, file: str) -> None:
    (stored / file).unlink()
    error = _refusal(stored)
    assert error.found == "no stored value"
    assert file in error.expected


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "nowhere").found == "no stored value"


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": {"image_ids_N": ["a.png", "c.png"]}},
        {"fields": {}},
        {"digest": "0" * 64},
        {"tensors_sha256": "0" * 64},
    ],
)
def test_a_changed_manifest_is_refused(stored: Path, changes: dict[str, Any]) -> None:
    _edit_manifest(stored, **changes)
    assert "digest" in _refusal(stored).found


@pytest.mark.parametrize("entry", ["format", "kind", "digest", "tensors_sha256", "fields"])
def test_a_manifest_without_one_of_its_entries_is_refused(stored: Path, entry: str) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    del manifest[entry]
    (stored / "manifest.json").write_text(json.dumps(manifest))
    assert "manifest" in _refusal(stored).found


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe\x00", b"[" * 99_999])
def test_a_manifest_that_is_none_is_refused(stored: Path, text: bytes) -> None:
    (stored / "manifest.json").write_bytes(text)
    assert _refusal(stored).found == "a manifest that can't be read"


def test_a_value_of_another_kind_is_refused_with_both_kinds(stored: Path) -> None:
    error = _refusal(stored, "Scores")
    assert error.found == "a LatentSet of format 1"
    assert error.expected == "a Scores of format 1"


def test_a_value_of_another_format_is_refused_with_both_formats(stored: Path) -> None:
    _edit_manifest(stored, format=2)
    error = _refusal(stored)
    assert error.found == "a LatentSet of format 2"
    assert error.expected == "a LatentSet of format 1"


def test_a_value_whose_fields_are_others_by_now_is_refused(tmp_path: Path) -> None:
    older = make_dataclass("Evaluation", ["extractor", "left"])
    save_value(older("classifier", 2), tmp_path / "evaluation")
    assert _refusal(tmp_path / "evaluation", "Evaluation").expected == "the fields of Evaluation"


def test_a_disk_without_room_is_told_before_anything_is_written(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    with pytest.raises(DiskFullError):
        save_value(EXAMPLES["Scores"], stored)
    _assert_same(load_value(LatentSet, stored), EXAMPLES["LatentSet"])


def test_a_disk_that_fills_up_midway_is_told_and_leaves_the_old_value(stored: Path) -> None:
    with little_room(), pytest.raises(DiskFullError, match="a full disk while it was being written"):
        save_value(ModelWeights({}, {"a": torch.zeros(10_000)}), stored)
    _assert_same(load_value(LatentSet, stored), EXAMPLES["LatentSet"])
    assert list(stored.parent.iterdir()) == [stored]
