from dataclasses import replace

import pytest
from PIL import Image

from lds_mlflow.errors import ProtocolError
from lds_mlflow.reporting.ablation import Document, documents_of, report_of_ablation, sentence_of
from tests.unit.reporting.ablation.conftest import ablation_results, arm

LINEAGE = {"data": "720 examples (run 12ab34cd)", "train": "the baseline (run 56ef7890)", "evaluate": "FID 4.5"}


def _documents() -> dict[str, Document]:
    return {document.name: document for document in documents_of(ablation_results(), LINEAGE, Image.new("L", (8, 8)))}


def test_the_tables_and_figures_of_the_paper_are_there() -> None:
    assert {"claims", "table1_filters", "table2_finetuning", "figure1_pipeline", "figure2_lds_bands"} <= set(
        _documents()
    )


def test_every_table_and_figure_has_all_three_forms() -> None:
    for name, document in _documents().items():
        assert document.markdown().startswith("# ")
        assert document.png() is not None
        latex = document.latex()
        if document.table is None:
            assert f"{{{name}.png}}" in latex
            assert f"({name}.png)" in document.markdown()
        else:
            assert latex.count("\\\\") > len(document.table)
            assert str(document.table.iloc[-1, 0])[:10] in document.markdown()


def test_a_table_has_its_arms_beside_real_examples_with_intervals_and_p_values() -> None:
    table = _documents()["table3_arms"].table
    assert table is not None
    assert table["arm"].tolist()[:3] == [
        "real examples (training part)",
        "no finetuning",
        "finetuned without A (control)",
    ]
    row = table.set_index("arm").loc["A: LDS, the draft's top fraction"]
    assert row["FID"].startswith("4.5 (")
    assert row["minus control"].startswith("+0.5 (")
    assert float(str(row["p, Holm"])) >= float(str(row["p"]))
    assert row["FID is"] == "worse"
    assert row["women, corrected"].startswith("0.5 (")


def test_the_table_of_filters_has_filters_alone() -> None:
    table = _documents()["table1_filters"].table
    assert table is not None
    assert not table["arm"].str.contains("sampled from").any()
    assert table["arm"].str.contains("sharpness").any()


def test_what_the_select_part_prefers_is_judged_by_the_test_part() -> None:
    results = ablation_results()
    assert results.chosen == "sample-density"
    assert "(preferred by the part select) against the control: FID 4 to 2 (-2, " in sentence_of(results)
    assert "better" in sentence_of(results)
    table = _documents()["table2_finetuning"].table
    assert table is not None
    assert table["arm"].str.contains("preferred by the part select").sum() == 1


def test_where_nothing_is_preferred_that_is_said() -> None:
    results = ablation_results()
    few = {name: results.select[name] for name in ("baseline", "control", "lds")}
    assert "prefers no arm" in sentence_of(replace(results, select=few))


def test_the_oracle_is_not_preferred_since_it_has_more_data() -> None:
    results = ablation_results()
    select = {**results.select, "oracle": arm(0.1, part="select")}
    assert replace(results, select=select).chosen == "sample-density"


def test_nothing_is_preferred_by_the_test_part() -> None:
    results = ablation_results()
    with pytest.raises(ProtocolError):
        assert replace(results, select=results.test).chosen


def test_the_report_names_what_was_left_out_and_why() -> None:
    results = ablation_results()
    text = report_of_ablation(results, documents_of(results, LINEAGE, None)).markdown()
    assert "Left out: oracle" in text
    assert "it needs reserve" in text


def test_generations_are_drawn_where_there_are_some() -> None:
    results = ablation_results(generations=(arm(6.0), arm(8.0)))
    names = [document.name for document in documents_of(results, LINEAGE, None)]
    assert "figure5_generations" in names
    assert "figure5_generations" not in _documents()
