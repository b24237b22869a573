from dataclasses import replace

import pytest

from lds_mlflow.config import ClassifierConfig
from lds_mlflow.errors import DataError
from lds_mlflow.steps.classifier import run
from lds_mlflow.values import ModelWeights
from tests.conftest import MakePipeline
from tests.unit.steps.surroundings import GivenRun, surroundings
from tests.vectors import Vectors

ALARM = "Alarm: Naming the most frequent class every time would classify"


def test_the_classifier_is_stored_with_its_kind_of_examples_and_judged_by_the_part_select(vectors: GivenRun) -> None:
    context, own = surroundings({"data": vectors})
    sentence = run(ClassifierConfig(), context)
    stored = own.values["classifier"]
    assert isinstance(stored, ModelWeights)
    assert (stored.kind, stored.domain) == ("nearest-mean", Vectors.name)
    # The last of the four is nearer to the mean of the other class.
    assert own.metrics == {"accuracy": 0.75}
    first, *_ = sentence.splitlines()
    assert first == f"75.0% of the part select classified correctly by nearest-mean-{stored.digest[:8]}"


def test_the_steps_and_the_seed_are_those_of_the_configuration(
    vectors: GivenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}
    train_classifier = Vectors.train_classifier

    def noting(self: Vectors, *args: object, steps: int, seed: int, device: str) -> ModelWeights:
        asked.update(steps=steps, seed=seed, device=device)
        return train_classifier(self, vectors.values["train"], steps=steps, seed=seed, device=device)

    monkeypatch.setattr(Vectors, "train_classifier", noting)
    run(ClassifierConfig(classifier_steps=7, classifier_seed=3), surroundings({"data": vectors})[0])
    assert asked == {"steps": 7, "seed": 3, "device": "cpu"}


def test_without_labels_there_is_no_classifier(digits: GivenRun) -> None:
    unlabelled = {name: replace(part, labels_N=None, class_names_K=()) for name, part in digits.values.items()}
    context, own = surroundings({"data": GivenRun("data", unlabelled)})
    with pytest.raises(DataError, match="no labels"):
        run(ClassifierConfig(classifier_steps=1), context)
    assert own.values == {}


@pytest.mark.parametrize(("steps", "is_alarmed"), [(1, True), (150, False)])
def test_a_classifier_that_has_learned_nothing_raises_an_alarm(
    make_pipeline: MakePipeline, said: list[str], steps: int, is_alarmed: bool
) -> None:
    make_pipeline("classifier", data="digits", limit=400, classifier_steps=steps).run("classifier")
    assert any(ALARM in line for line in said) is is_alarmed
