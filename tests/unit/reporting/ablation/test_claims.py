from dataclasses import replace
from math import nan

import pandas as pd
import pytest

from lds_mlflow.reporting.ablation import ledger
from lds_mlflow.reporting.ablation.claims import NOT_REPRODUCED, NOT_TESTABLE, OPPOSITE, REPRODUCED
from tests.unit.reporting.ablation.conftest import ablation_results, arm, of_sound, shuffled


def _verdict(table: pd.DataFrame, claim: str) -> str:
    (verdict,) = table[table["claim"].str.contains(claim, regex=False)]["verdict"]
    return str(verdict)


def test_the_drafts_gain_over_no_finetuning_is_told_from_what_a_does() -> None:
    table = ledger(ablation_results())
    assert _verdict(table, "lowers FID (table 2)") == REPRODUCED
    assert _verdict(table, "is what lowers FID (implied") == OPPOSITE
    assert _verdict(table, "is what raises D&C: coverage") == OPPOSITE
    assert _verdict(table, "is what raises D&C: density") == REPRODUCED


def test_a_claim_that_the_seeds_neither_bear_out_nor_contradict_is_not_reproduced() -> None:
    results = ablation_results()
    alike = {**results.test, "lds": arm(4.0)}
    assert _verdict(ledger(replace(results, test=alike)), "is what lowers FID (implied") == NOT_REPRODUCED


def test_a_difference_of_fid_that_may_be_a_bias_of_few_examples_reproduces_nothing() -> None:
    results = ablation_results()
    unknown = {
        name: tuple(replace(one, metrics={**one.metrics, "fid_infinity": nan}) for one in found)
        for name, found in results.test.items()
    }
    assert _verdict(ledger(replace(results, test=unknown)), "lowers FID (table 2)") == NOT_REPRODUCED


def test_the_claims_about_women_are_judged_by_corrected_shares_of_paired_seeds() -> None:
    results = ablation_results()
    table = ledger(results)
    assert _verdict(table, "makes most samples women") == REPRODUCED
    assert _verdict(table, "keeps the sexes balanced") == REPRODUCED
    skewed = {**results.test, "lds": arm(4.5, women=0.7)}
    assert _verdict(ledger(replace(results, test=skewed)), "keeps the sexes balanced") == OPPOSITE
    unsure = {**results.test, "lds": shuffled(arm(4.5, women=0.7))[:3] + arm(4.5, women=0.3)[:2]}
    assert _verdict(ledger(replace(results, test=unsure)), "keeps the sexes balanced") == NOT_REPRODUCED
    balanced = {**results.test, "lds-sharpness": shuffled(arm(4.8, women=0.5))}
    assert _verdict(ledger(replace(results, test=balanced)), "makes most samples women") == NOT_REPRODUCED


def test_claims_whose_arms_are_not_there_are_not_testable() -> None:
    results = ablation_results()
    few = {name: results.test[name] for name in ("baseline", "control")}
    table = ledger(replace(results, test=few))
    assert set(table[table["claim"].str.contains("table")]["verdict"]) == {NOT_TESTABLE}
    assert _verdict(table, "Samples of high LDS look better") == REPRODUCED


@pytest.mark.parametrize(
    ("correlations", "verdict"),
    [((0.3, 0.31, 0.29, 0.3, 0.3), OPPOSITE), ((0.3, -0.3, 0.2, -0.2, 0.0), NOT_REPRODUCED)],
)
def test_figure_2_is_judged_by_the_correlation(correlations: tuple[float, ...], verdict: str) -> None:
    assert _verdict(ledger(ablation_results(correlations=correlations)), "Samples of high LDS look better") == verdict


def test_every_claim_has_the_drafts_figure_and_a_reason_where_it_has_no_figure_of_ours() -> None:
    table = ledger(ablation_results())
    assert (table["draft"] != "").all()
    untested = table[table["verdict"] == NOT_TESTABLE]
    assert len(untested) >= 2
    assert (untested["why"] != "").all()
    assert (table[table["verdict"] != NOT_TESTABLE]["ours"] != "").all()


def test_beside_each_claim_about_finetuning_stands_that_the_baseline_had_not_converged() -> None:
    table = ledger(ablation_results(unconverged=(0, 2)))
    beside = table[table["why"].str.contains("Baseline not converged: in 2 of 5 seeds", regex=False)]
    assert set(table[table["claim"].str.contains(r"FID \(table 2\)|D&C", regex=True)]["claim"]) <= set(beside["claim"])


def test_the_sentence_on_convergence_keeps_its_capital_letters() -> None:
    table = ledger(ablation_results())
    assert (
        table["why"].str.contains("Baseline not converged: more steps without A still lower its FID", regex=False).any()
    )


def test_whether_the_method_works_beyond_images_is_told_by_data_that_are_none() -> None:
    assert _verdict(ledger(ablation_results()), "beyond images") == NOT_TESTABLE
    heard = of_sound(ablation_results(), {"baseline": 0.5, "control": 0.5, "lds": 0.7, "sample-density": 0.2})
    table = ledger(heard)
    assert _verdict(table, "beyond images (section 6.1): the set A") == OPPOSITE
    assert _verdict(table, "beyond images (section 6.1): samples of the density") == REPRODUCED
    row = table[table["claim"].str.endswith("samples of the density")].iloc[0]
    assert row["ours"] == "0.5 to 0.2 (-0.3)"
    assert row["why"].startswith("Frechet audio distance, compared with the control.")


def test_a_kind_of_data_without_a_distance_of_its_own_is_told_by_fid() -> None:
    results = ablation_results()
    valid = {
        name: tuple(replace(found, metrics=found.metrics | {"validity": 1.0}) for found in seeds)
        for name, seeds in results.test.items()
    }
    table = ledger(replace(results, test=valid))
    row = table[table["claim"].str.endswith("samples of the density")].iloc[0]
    assert (row["verdict"], row["ours"]) == (REPRODUCED, "4 to 2 (-2)")
    assert row["why"].startswith("FID, compared with the control.")
