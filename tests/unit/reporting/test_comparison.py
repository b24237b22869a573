from lds_mlflow.metrics import Comparison
from lds_mlflow.reporting.comparison import (
    comparison_note,
    comparison_report,
    comparison_table,
    summary_for_console,
    verdicts_in_words,
    winner_in_words,
)
from lds_mlflow.values import Evaluation
from tests.conftest import an_evaluation


def _comparison(name: str, verdict: str, needed: int = 0) -> Comparison:
    return Comparison(name, "new", "old", 2.0, 1.0, 1.0, 1.0, 0.5, 1.5, 0.001, 0.002, verdict, needed)


def _evaluations() -> dict[str, Evaluation]:
    metrics = {name: 0.5 for figure in ("fid", "density", "coverage") for name in (figure, f"floor_{figure}")}
    intervals = dict.fromkeys(("fid", "density", "coverage"), (0.4, 0.6))
    return {name: an_evaluation(metrics=metrics, intervals=intervals) for name in ("old", "new")}


ROWS = [
    _comparison("fid", "worse"),
    _comparison("recall", "too few samples to tell", 900),
    _comparison("coverage", "no difference seen"),
]


def test_a_pair_of_models_is_told_in_a_line() -> None:
    assert verdicts_in_words(_evaluations(), ROWS) == (
        "new against old (4 samples, test): worse: FID by +1 (+0.5 to +1.5); too few samples to tell: Recall; "
        "no difference seen: Coverage"
    )


def test_the_table_has_a_row_a_comparison_with_all_that_is_known() -> None:
    table = comparison_table(ROWS)
    assert table["name"].tolist() == ["fid", "recall", "coverage"]
    assert set(Comparison._fields) == set(table.columns)


def test_the_report_says_what_a_verdict_is_about_and_shows_every_pair_and_model() -> None:
    report = comparison_report(_evaluations(), ROWS, margin=0.1)
    text = report.markdown()
    assert "Each model is one training run" in text
    assert "within 10% of the figure" in text
    assert "about 900 samples and as many held-out examples would" in text
    assert [name for name, _ in report.pictures] == [
        "pictures/new_against_old.png",
        "pictures/tradeoff.png",
        "pictures/comparison.png",
    ]
    assert text.count("\n## ") == 2


def test_a_figure_of_the_reference_of_zero_has_no_share_and_is_left_out_of_the_picture() -> None:
    rows = [ROWS[0], ROWS[2]._replace(reference_value=0.0)]
    report = comparison_report(_evaluations(), rows, margin=0.1)
    assert len(report.pictures) == 3


def test_the_note_has_a_row_a_model_beside_real_examples_with_a_link_to_each() -> None:
    lines = comparison_note(_evaluations(), {"new": "[evaluate 1](#/1)"}).splitlines()
    assert lines[0] == "| model | FID | Density | Coverage | run |"
    assert lines[2] == "| real examples | 0.5 | 0.5 | 0.5 |  |"
    assert lines[4] == "| new | 0.5 | 0.5 | 0.5 | [evaluate 1](#/1) |"


def _with_fids(**fids: float) -> dict[str, Evaluation]:
    old = _evaluations()["old"]
    return {
        name: an_evaluation(metrics=old.metrics | {"fid": fid}, intervals=old.intervals) for name, fid in fids.items()
    }


def _by_fid(model: str, reference: str, verdict: str) -> Comparison:
    return ROWS[0]._replace(model=model, reference=reference, verdict=verdict)


def test_the_winner_is_named_with_its_verdict_beside_every_other_model() -> None:
    rows = [
        _by_fid("control", "old", "better"),
        _by_fid("new", "old", "better"),
        _by_fid("new", "control", "no difference seen"),
    ]
    said = winner_in_words(_with_fids(old=5.0, control=3.0, new=2.9), rows)
    assert (
        said
        == "new has the lowest FID, 2.9 (4 samples, test): better than old (5); no difference seen from control (3)"
    )


def test_a_winner_that_others_are_judged_against_is_better_where_these_are_worse() -> None:
    rows = [_by_fid("a", "old", "worse"), _by_fid("b", "old", "too few samples to tell"), _by_fid("b", "a", "better")]
    said = winner_in_words(_with_fids(old=1.0, a=3.0, b=2.0), rows)
    assert (
        said == "old has the lowest FID, 1 (4 samples, test): better than a (3); too few samples to tell it from b (2)"
    )


def test_the_console_shows_the_models_in_80_columns_with_the_winner_marked() -> None:
    name = "finetuned by density, " * 3
    row = _by_fid(name, "old, " * 9, "too few samples to tell")
    lines = summary_for_console(_with_fids(**{"old, " * 9: 2.0, name: 1234.5}), [row]).splitlines()
    assert [line.split()[0] for line in lines] == ["FID", "*", "finetuned", "real"]
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("2       0.5  the lowest")
    assert lines[2].endswith("1.23e+03       0.5  too few samples to tell")


def test_the_console_says_of_a_model_that_it_is_worse_than_the_winner() -> None:
    lines = summary_for_console(_with_fids(old=2.0, new=1.0), [_by_fid("new", "old", "better")]).splitlines()
    assert lines[1].endswith("worse")
