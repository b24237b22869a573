import pytest
import torch

from lds_mlflow.choices.figures import FIGURES
from lds_mlflow.domains import Instruments
from lds_mlflow.metrics import FurtherFigures, RealExamples
from lds_mlflow.values import ExampleSet

figures = pytest.importorskip("lds_mlflow.domains.molecules.figures", reason="the extra molecules is not installed")
smiles = pytest.importorskip("lds_mlflow.domains.molecules.smiles", reason="the extra molecules is not installed")


@pytest.fixture(scope="module")
def real(bundled: ExampleSet) -> RealExamples:
    rows = torch.randperm(len(bundled), generator=torch.Generator().manual_seed(0))
    return RealExamples(*(bundled.take(some) for some in (rows[:120], rows[120:160], rows[160:200])))


def _of(samples_S: torch.Tensor, real: RealExamples) -> FurtherFigures:
    found: FurtherFigures = figures.further_figures(samples_S, real, Instruments())
    return found


@pytest.fixture(scope="module")
def of_unseen(bundled: ExampleSet, real: RealExamples) -> FurtherFigures:
    rows = torch.randperm(len(bundled), generator=torch.Generator().manual_seed(0))[200:240]
    return _of(bundled.take(rows).examples_N, real)


def test_every_figure_is_one_that_people_can_read_and_has_a_floor(of_unseen: FurtherFigures) -> None:
    names = {*of_unseen.estimates, *of_unseen.values}
    assert {FIGURES[name].family for name in names} == {"domain"}
    assert names == of_unseen.floor.keys()
    assert names == {name for name, figure in FIGURES.items() if figure.family == "domain"} & names
    assert {len(one.by_real_N) for one in of_unseen.estimates.values()} == {40}
    assert {len(one.by_sample_S) for one in of_unseen.estimates.values()} == {40}


def test_unseen_molecules_are_valid_unique_new_and_no_copies(of_unseen: FurtherFigures) -> None:
    assert of_unseen.estimates["validity"].value == of_unseen.values["uniqueness"] == of_unseen.values["novelty"] == 1
    assert of_unseen.estimates["fcd"].value < 2 * of_unseen.floor["fcd"]
    assert of_unseen.notes[1].startswith("The samples: Not flagged as copies")


def test_the_control_fools_naive_figures_and_is_flagged(of_unseen: FurtherFigures) -> None:
    note = of_unseen.notes[0]
    assert "validity is 1.000" in note
    assert "novelty 1.000" in note
    assert "Flagged as copies" in note
    table = next(iter(of_unseen.tables.values())).set_index("figure")
    assert str(table.loc["Novelty", "AddCarbon"]) == "1"
    assert list(table.columns) == ["samples", "AddCarbon", "real examples"]


def test_copies_of_training_molecules_are_flagged_and_not_new(real: RealExamples) -> None:
    found = _of(real.train.examples_N[:40], real)
    assert found.values["novelty"] == 0
    assert found.estimates["snn_train"].value == 1
    assert found.notes[1].startswith("The samples: Flagged as copies")


def test_what_is_no_molecule_counts_against_the_samples(real: RealExamples) -> None:
    samples = real.held_out.examples_N.clone()
    samples[:10] = 0
    found = _of(samples, real)
    assert found.estimates["validity"].value == 0.75
    assert found.estimates["snn"].value == pytest.approx(0.75)
    assert found.estimates["fcd"].value > 1e-3
    assert found.estimates["fcd"].by_sample_S.shape == (40,)


def test_one_molecule_many_times_is_not_diverse(real: RealExamples) -> None:
    found = _of(real.held_out.examples_N[:1].expand(40, -1), real)
    assert found.values["uniqueness"] == 1 / 40
    assert found.values["internal_diversity"] == pytest.approx(0, abs=1e-6)
    assert found.values["wasserstein_logp"] > found.floor["wasserstein_logp"]
    uniqueness = list(found.tables.values())[1]
    assert uniqueness.to_dict("records") == [{"k": "40", "uniqueness": "0.0250"}]


def test_without_any_molecule_there_are_figures_as_well(real: RealExamples) -> None:
    found = _of(torch.zeros_like(real.held_out.examples_N), real)
    assert found.estimates["validity"].value == found.values["uniqueness"] == found.values["scaffold_similarity"] == 0
    assert "wasserstein_qed" not in found.values
