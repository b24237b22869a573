from dataclasses import replace

import pytest
import torch

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import DataError
from lds_mlflow.values import ExampleSet

classifier = pytest.importorskip(
    "lds_mlflow.domains.molecules.classifier", reason="the extra molecules is not installed"
)
MOLECULES = domain_of("molecules")


def test_it_learns_the_classes_of_molecules_and_comes_back_from_its_weights(few: ExampleSet) -> None:
    weights = MOLECULES.train_classifier(few, steps=60, seed=0, device="cpu")
    opened = MOLECULES.open_classifier(weights, "cpu")
    assert few.labels_N is not None
    assert (opened.classes(few.examples_N) == few.labels_N).double().mean() > 0.9
    assert opened.features(few.examples_N).shape == (60, 64)
    assert opened.name == f"fingerprint-classifier-{weights.digest[:8]}"
    assert MOLECULES.train_classifier(few, steps=60, seed=0, device="cpu").digest == weights.digest


def test_what_is_no_molecule_has_a_class_as_well(few: ExampleSet) -> None:
    opened = MOLECULES.open_classifier(MOLECULES.train_classifier(few, steps=1, seed=0, device="cpu"), "cpu")
    assert opened.classes(torch.zeros(1, 3, dtype=torch.int64)).shape == (1,)


def test_molecules_without_classes_are_refused_with_two_ways_out(few: ExampleSet) -> None:
    with pytest.raises(DataError, match="no labels") as caught:
        MOLECULES.train_classifier(replace(few, labels_N=None, class_names_K=()), steps=1, seed=0, device="cpu")
    assert "features=chemnet" in caught.value.remedy
