from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.models.own.folder import read_pair
from lds_mlflow.models.own.pair import ExportedPair
from tests.own import exported_pair, own_weights, write_folder

FILES = {"encoder.pt2": b"one", "decoder.pt2": b"two"}


def test_a_folder_is_read_as_a_pair(tmp_path: Path) -> None:
    assert read_pair(exported_pair(tmp_path)).digest == own_weights().digest


def test_a_prior_is_read_beside_it(tmp_path: Path) -> None:
    tensors = {"mean_KD": torch.randn(2, 64), "log_variance_KD": torch.zeros(2, 64)}
    save_file(tensors, tmp_path / "prior.safetensors")
    exported_pair(tmp_path)
    digests = {path.name: digest_of_file(path) for path in tmp_path.iterdir() if path.suffix != ".json"}
    files = {name: (tmp_path / name).read_bytes() for name in ("encoder.pt2", "decoder.pt2")}
    prior = ExportedPair(read_pair(write_folder(tmp_path, files, sha256=digests))).prior_mixture()
    assert prior is not None
    assert torch.equal(prior.mean_KD, tensors["mean_KD"])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"sha256": None}, "no digest of it"),
        ({"sha256": {"encoder.pt2": "00"}}, "another digest"),
        ({"sha256": ["00"]}, "no digest of it"),
    ],
)
def test_a_file_without_its_digest_is_refused(tmp_path: Path, changes: dict[str, object], found: str) -> None:
    with pytest.raises(ArtifactError, match=found):
        read_pair(write_folder(tmp_path, FILES, **changes))


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"encoder.pt2": b"one"}, "0 files of the decoder"),
        ({**FILES, "decoder.ts": b"three"}, "2 files of the decoder"),
        ({"encoder.pkl": b"one", "decoder.pkl": b"two"}, "0 files of the encoder"),
    ],
)
def test_each_program_is_one_file(tmp_path: Path, files: dict[str, bytes], found: str) -> None:
    with pytest.raises(ArtifactError, match=found):
        read_pair(write_folder(tmp_path, files))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"{", b"[]", b"[" * 100_000])
def test_a_damaged_description_is_an_error_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (write_folder(tmp_path, FILES) / "generator.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"generator\.json: .*expected a JSON object"):
        read_pair(tmp_path)
