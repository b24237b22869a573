from typing import Any, cast

from lds_mlflow.reporting.card import model_card
from lds_mlflow.tracking import FinishedRun
from tests.conftest import an_evaluation


class FakeRun:
    """A finished run that has what it is given."""

    digest = "0123456789abcdef"

    def __init__(self, step: str, **params: str) -> None:
        self.step, self.params, self.sentence = step, params, f"what {step} did"


def _card(*steps: str, **changes: Any) -> str:
    runs = {step: FakeRun(step, train_steps="300", tau="0.28", unheard_of="1") for step in steps}
    inputs = {"data": FakeRun("data", data="digits"), "model": FakeRun("finetune", finetune_steps="20"), **runs}
    given: dict[str, Any] = {"sampler": "the prior", "evaluation": None, "lineage": "[train](#/1)"} | changes
    return model_card(cast(dict[str, FinishedRun], inputs), **given, sentence="A model of digits")


def test_a_card_says_what_the_model_was_made_of_and_how() -> None:
    card = _card("train", "augment")
    assert card.startswith("A model of digits.")
    assert "digits: what data did. Digest 0123456789ab." in card
    assert "- train: what train did" in card
    assert "- samples: from the prior" in card
    assert "- train: train_steps=300" in card
    assert "unheard_of" not in card
    assert "[train](#/1)" in card


def test_the_step_of_the_model_itself_is_always_there() -> None:
    assert "- finetune: finetune_steps=20" in _card("train")


def test_a_card_without_an_evaluation_says_so() -> None:
    assert "There are none" in _card("train")


def test_figures_stand_beside_those_of_real_examples_and_what_was_not_measured_has_no_row() -> None:
    evaluation = an_evaluation(
        part="select",
        metrics={"fid": 1.25, "floor_fid": 0.5, "coverage": 0.9},
        intervals={"fid": (1.0, 1.5), "coverage": (0.8, 1.0)},
    )
    card = _card("train", evaluation=evaluation)
    assert "| figure | samples | 95 % interval | real examples |" in card
    assert "| FID | 1.25 | 1 to 1.5 | 0.5 |" in card
    assert "| Coverage | 0.9 | 0.8 to 1 |  |" in card
    assert "Density" not in card
    assert "4 samples against as many examples of the part select, by the features of classifier-12ab." in card
