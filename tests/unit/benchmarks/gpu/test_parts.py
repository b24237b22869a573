import ast
import json
import tomllib
from math import isfinite

import pytest
from click.testing import CliRunner

from benchmarks.gpu import inference, scoring, training
from benchmarks.gpu.__main__ import main
from tests.places import ROOT


def test_inference_is_measured_and_agrees_with_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = inference.measure("cpu", quick=True)
    assert all(isfinite(value) for value in found.values())
    assert found["decoding_largest_difference"] == found["encoding_largest_difference"] == 0
    assert found["decoded_alone_as_together"] == 1
    assert {"encoded_per_second", "decoded_per_second", "classifier_per_second"} <= found.keys()
    assert {"squeezenet_per_second", "inception_per_second"} <= found.keys()
    assert "decoding 300 images" in capsys.readouterr().out


def test_scoring_is_measured_and_agrees_with_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = scoring.measure("cpu", quick=True)
    assert found["candidates_largest_difference"] == found["exhaustive_largest_difference"] == 0
    assert found["exhaustive_1000_seconds"] > 0
    assert found["exhaustive_1000_share_of_product"] > 0
    shown = capsys.readouterr().out
    assert "of the matrix product's" in shown
    assert "aten::addmm_" in shown


def test_training_is_measured_and_agrees_with_the_cpu(capsys: pytest.CaptureFixture[str]) -> None:
    found = training.measure("cpu", quick=True)
    assert found["gradient_relative_difference"] == 0
    assert found["digits_8_fp32_images_per_second"] > 0
    assert 0 < found["digits_8_bf16_share"] < 1
    assert found["digits_8_fp32_launches_per_step"] == found["digits_8_fp32_waits_per_step"] == 0
    assert "digits_8_bf16_channels_first: " in capsys.readouterr().out


def test_the_script_runs_all_parts_and_ends_with_one_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in (inference, scoring, training):
        monkeypatch.setattr(part, "measure", lambda device, quick, part=part: {part.__name__: float(quick)})
    lines = CliRunner().invoke(main, []).output.splitlines()
    found = json.loads(lines[-1])
    assert {"device", "torch"} <= found.keys()
    assert [value for name, value in found.items() if name.startswith("benchmarks.gpu.")] == [1.0, 1.0, 1.0]
    script = (ROOT / "benchmarks" / "gpu.sh").read_text()
    assert '-m benchmarks.gpu "$@"' in script


def test_without_the_packages_of_the_metrics_the_rest_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name}")

    monkeypatch.setattr(inference, "import_module", missing)
    found = inference.measure("cpu", quick=True)
    assert "decoded_per_second" in found
    assert "classifier_per_second" not in found
    assert "a package is missing: No module named lds_mlflow.metrics" in capsys.readouterr().out


def test_the_parts_import_nothing_that_needs_mlflow_or_pydantic() -> None:
    """A borrowed GPU has neither. Of the project's rooms, the science rooms do without (a contract of imports)."""
    (rooms,) = (
        {name.removeprefix("lds_mlflow.") for name in contract["source_modules"]}
        for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
        if contract["name"].startswith("Science rooms")
    )
    for path in (ROOT / "benchmarks" / "gpu").glob("*.py"):
        trees = list(ast.walk(ast.parse(path.read_text())))
        names = {tree.module or "" for tree in trees if isinstance(tree, ast.ImportFrom)}
        names |= {alias.name for tree in trees if isinstance(tree, ast.Import) for alias in tree.names}
        assert not {name.split(".")[0] for name in names} & {"mlflow", "optuna", "pydantic", "tuning"}, path
        assert {name.split(".")[1] for name in names if name.startswith("lds_mlflow.")} <= rooms, path
