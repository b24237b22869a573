from lds_mlflow.reporting.ablation.tables import arms_table, finetuning_table, kind_table
from tests.unit.reporting.ablation.conftest import ablation_results, of_sound


def test_real_examples_the_baseline_and_the_control_come_first_and_once() -> None:
    table = arms_table(ablation_results(), ["lds", "control", "baseline"])
    assert table["arm"].tolist() == [
        "real examples (training part)",
        "no finetuning",
        "finetuned without A (control)",
        "A: LDS, the draft's top fraction",
    ]
    assert table["nearest-neighbour ratio"][0] == "1"


def test_the_control_is_not_compared_with_itself() -> None:
    control = arms_table(ablation_results(), []).iloc[2]
    assert control["FID"].startswith("4 (")
    assert (control[["minus control", "p", "p, Holm", "FID is", "Coverage is"]] == "").all()


def test_women_in_a_are_shown_where_they_are_known() -> None:
    table = arms_table(ablation_results(), ["lds", "lds-sharpness"]).set_index("arm")
    assert table["women in A, by the nearer parent"]["A: LDS, the draft's top fraction"].startswith("0.5 (")
    assert table["women in A, by the nearer parent"]["A: LDS + sharpness"] == ""


def test_the_arm_that_the_part_select_prefers_is_marked() -> None:
    marked = [arm for arm in finetuning_table(ablation_results())["arm"] if "[preferred by the part select]" in arm]
    assert marked == ["control, sampled from the latent density [preferred by the part select]"]


def test_figures_of_the_kind_of_data_have_a_table_of_their_own() -> None:
    table = kind_table(of_sound(ablation_results(), {"baseline": 0.5, "control": 0.5, "sample-density": 0.2}))
    assert table["figure"].tolist() == 3 * ["Frechet audio distance"] + 3 * ["Accuracy of classes"]
    density = table.iloc[2]
    assert (density["arm"], density["is"]) == ("control, sampled from the latent density", "better")
    assert density["minus control"].startswith("-0.3 (")
    assert density["real examples"] == "0.03"
    assert set(table.iloc[3:]["minus control"]) == {""}
