from pathlib import Path

import pytest
import yaml

from lds_mlflow.config import DataConfig
from lds_mlflow.entry.parameter_files import read_parameters, written_parameters
from lds_mlflow.errors import ConfigError

TAKEN, OF_OTHERS = {"data", "resolution", "reuse", "label"}, {"data", "sigma"}


def _read(path: Path, text: str) -> dict[str, str]:
    path.write_text(text, encoding="utf-8")
    return read_parameters(path, TAKEN, OF_OTHERS)


@pytest.mark.parametrize(
    ("text", "value"),
    [("64", "64"), ("010", "010"), ("true", "true"), ("1e-3", "1e-3"), ("'a: b'", "a: b"), ("", ""), ("ü", "ü")],
)
def test_a_value_is_the_text_that_it_is_in_the_file(tmp_path: Path, text: str, value: str) -> None:
    assert _read(tmp_path / "a.yaml", f"data: {text}  # a remark\n") == {"data": value}


def test_parameters_of_other_commands_are_left_out_and_unknown_ones_stay_to_be_refused(tmp_path: Path) -> None:
    assert _read(tmp_path / "a.yaml", "data: faces\nsigma: scott\ndaat: x\n") == {"data": "faces", "daat": "x"}


def test_a_file_of_remarks_alone_gives_nothing(tmp_path: Path) -> None:
    assert _read(tmp_path / "a.yaml", "# data: faces\n") == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- data", "something else than names with values"),
        ("data", "something else than names with values"),
        ("data: [a, b]", "data with several values"),
        ("data: {a: b}", "data with several values"),
        ("a: b: c", "mapping values are not allowed"),
        ("config: other.yaml", "config, which would name another file"),
        ("data: a\nlabel: b\ndata: c", "data more than once"),
    ],
)
def test_what_is_no_value_for_each_name_is_refused(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(ConfigError, match=r"the file of parameters .*a.yaml") as caught:
        _read(tmp_path / "a.yaml", text)
    assert found in str(caught.value)
    assert "--print-config writes such a file" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_can_not_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="the file of parameters"):
        read_parameters(tmp_path / "a.yaml", TAKEN, OF_OTHERS)


@pytest.mark.parametrize(
    "value", ["faces", "a: b", "# x", "it's", "", "64", "a b", "-1", "x:", "null", "ü", "a\nb", "@x", "-", "/home/jü"]
)
def test_what_is_written_is_read_again(tmp_path: Path, value: str) -> None:
    written = written_parameters({"Data": DataConfig.model_fields}, {"data": value, "label": "x"}, "train")
    assert _read(tmp_path / "a.yaml", written) == {"data": value, "label": "x"}


def test_what_was_not_given_is_written_as_a_remark_with_its_default_and_range() -> None:
    written = written_parameters({"Data": DataConfig.model_fields}, {"resolution": "64"}, "train")
    assert "# Data\n" in written
    assert "\nresolution: 64  # INTEGER; from 0 to 2048\n" in written
    assert "\n# data: digits  # TEXT\n" in written
    assert set(yaml.safe_load(written.replace("# Parameters", "#").replace("\n# ", "\n#"))) == {"resolution"}
