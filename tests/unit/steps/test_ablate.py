from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from lds_mlflow.config import AblateConfig
from lds_mlflow.pictures.report import Report
from lds_mlflow.reporting.ablation import AblationResults, Document, sentence_of
from lds_mlflow.steps import ablate
from lds_mlflow.tracking import tags
from tests.unit.reporting.ablation.conftest import ablation_results
from tests.unit.steps.surroundings import GivenRun, surroundings

CONFIG = AblateConfig()
TABLE = Document("table", "A table", pd.DataFrame({"arm": ["lds"]}))
FIGURE = Document("figure", "A figure", picture=Image.new("L", (2, 2)))
REPORT = Report("An ablation")


@pytest.fixture
def results() -> AblationResults:
    return ablation_results()


@pytest.fixture
def documented(results: AblationResults, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the documents were made of: they are a table and a figure."""
    found: dict[str, Any] = {}

    def documenting(_: AblationResults, lineage: dict[str, str], bands: Image.Image | None) -> list[Document]:
        found.update(lineage=lineage, bands=bands)
        return [TABLE, FIGURE]

    monkeypatch.setattr(ablate, "read_results", lambda *read: results)
    monkeypatch.setattr(ablate, "documents_of", documenting)
    monkeypatch.setattr(ablate, "report_of_ablation", lambda *shown: REPORT)
    return found


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, GivenRun]:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (3, 5)).save(tmp_path / "pictures" / "lds_bands.png")
    judged = {name: f"{name:0<32}" for name in ("data", "train", "encode", "augment", "finetune")}
    return {
        "data": GivenRun("data", metrics={"train_examples": 1200.0, "test_examples": 300.0}),
        "lds-0-test": GivenRun("evaluate", inputs=judged),
        "control-0-test": GivenRun("evaluate", inputs={name: judged[name] for name in ("data", "train", "finetune")}),
        "lds-0-augment": GivenRun("augment", metrics={"images_of_A": 600.0}, files=tmp_path),
    }


def test_every_document_is_logged_as_markdown_and_latex_and_a_table_as_png_and_csv_too(
    results: AblationResults, documented: dict[str, Any], inputs: dict[str, GivenRun]
) -> None:
    context, own = surroundings(inputs)
    assert ablate.run(CONFIG, context) == sentence_of(results)
    assert set(own.texts) == {f"paper/{name}.{ending}" for name in ("table", "figure") for ending in ("md", "tex")}
    assert set(own.tables) == {"paper/table.csv"}
    # The report has the figure, under the same name.
    assert own.pictures == {"paper/table.png"}
    assert own.reports == [REPORT]


def test_the_figures_of_each_arm_are_logged_under_its_name_with_its_difference_from_the_control(
    results: AblationResults, documented: dict[str, Any], inputs: dict[str, GivenRun]
) -> None:
    context, own = surroundings(inputs)
    ablate.run(CONFIG, context)
    of_lds = {name.removeprefix("lds/"): value for name, value in own.figures.items() if name.startswith("lds/")}
    assert of_lds["fid"] == pytest.approx(4.5)
    assert of_lds["fid_low"] < of_lds["fid"] < of_lds["fid_high"]
    assert of_lds["fid_minus_control"] == pytest.approx(0.5)
    assert of_lds["fid_p"] == results.against_control["lds", "fid"].p_corrected
    assert {"density", "coverage", "nearest_ratio", "tail_share"} <= set(of_lds)
    assert {name.split("/")[0] for name in own.figures if "/" in name} == {*results.test, "fid"}
    assert not any("minus_control" in name for name in own.figures if name.startswith("control/"))
    assert own.metrics["fid"] == own.figures[f"{results.chosen}/fid"]
    assert len(own.metrics) <= 15
    assert own.tags == {tags.PART: "test"}


def test_the_lineage_and_the_bands_are_those_of_the_first_seed_of_the_draft_s_arm(
    documented: dict[str, Any], inputs: dict[str, GivenRun]
) -> None:
    ablate.run(CONFIG, surroundings(inputs)[0])
    lineage = documented["lineage"]
    assert list(lineage) == ["data", "train", "encode", "augment", "finetune", "evaluate"]
    assert lineage["data"] == "1,200 images to train on, 300 to test on (run data0000)"
    assert lineage["finetune"].startswith("on train + A, ")
    assert lineage["augment"] == "600 images as A (run augment0)"
    assert lineage["evaluate"] == "FID 4.5 (run evaluate)"
    assert documented["bands"].size == (3, 5)


def test_without_the_draft_s_arm_the_lineage_is_the_control_s_and_there_are_no_bands(
    results: AblationResults, documented: dict[str, Any], inputs: dict[str, GivenRun]
) -> None:
    del results.test["lds"], inputs["lds-0-test"], inputs["lds-0-augment"]
    ablate.run(CONFIG, surroundings(inputs)[0])
    assert list(documented["lineage"]) == ["data", "train", "finetune", "evaluate"]
    assert documented["lineage"]["finetune"].startswith("on train, finetuned without A")
    assert documented["lineage"]["evaluate"].startswith("FID 3.99")
    assert documented["bands"] is None


def test_an_ablation_whose_evaluations_are_missing_has_no_report(inputs: dict[str, GivenRun]) -> None:
    context, own = surroundings({name: run for name, run in inputs.items() if not name.endswith("-test")})
    with pytest.raises(KeyError, match="baseline"):
        ablate.run(CONFIG, context)
    assert (own.metrics, own.reports) == ({}, [])
