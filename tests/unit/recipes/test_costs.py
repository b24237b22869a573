import pytest

from lds_mlflow.config import AugmentConfig, FinetuneConfig, TrainConfig, parse
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.recipes import costs
from lds_mlflow.recipes.costs import Costs, estimate_costs
from lds_mlflow.training import FitHooks, FitTask
from lds_mlflow.values import ExampleSet
from tests.tiny import random_images

TRAIN = ExampleSet("noise", random_images(24), tuple(map(str, range(24))))


def _costs(**settings: object) -> Costs:
    return estimate_costs(
        parse(TrainConfig, {"train_steps": 1000, "batch_size": 8, **settings}),
        parse(AugmentConfig, {}),
        parse(FinetuneConfig, {"finetune_steps": 500}),
        TRAIN,
        checkpoint_every=300,
        device="cpu",
        ranks=ALONE,
    )


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "_PROBE_SECONDS", 0.0)


def test_what_was_measured_is_extrapolated_to_the_whole_of_each_step() -> None:
    found = _costs()
    measured, calculated = found.measured, found.calculated
    assert all(value > 0 for value in (measured | calculated).values())
    plain, judged = (8 / measured[name] for name in ("examples_per_second", "examples_per_second_with_discriminator"))
    # A discriminator takes part in the last quarter of training, and in all of finetuning.
    assert calculated["train_hours"] == pytest.approx((750 * plain + 250 * judged) / 3600)
    assert calculated["finetune_hours"] == pytest.approx(500 * judged / 3600)
    assert calculated["progress_pictures"] == 3
    # The discriminator has about as many parameters as the encoder.
    assert 4.5 < calculated["checkpoint_mib"] / calculated["model_mib"] < 6.5


def test_without_a_discriminator_all_steps_take_as_long() -> None:
    found = _costs(recipe="elbo")
    assert found.measured["examples_per_second_with_discriminator"] == found.measured["examples_per_second"]
    assert found.calculated["checkpoint_mib"] == pytest.approx(4 * found.calculated["model_mib"])


def test_the_parameters_of_the_prior_count() -> None:
    assert _costs(prior="vamp", pseudo_inputs=9).measured["parameters"] - _costs().measured["parameters"] == 9 * 64


def test_the_table_says_what_was_measured_and_what_follows() -> None:
    table = _costs().table()
    assert table.count("measured") >= 4
    assert table.count("calculated") >= 4
    assert "train " in table
    assert "finetune" in table


def test_a_step_that_another_process_holds_up_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = [0.0]

    def fit_with_delays(task: FitTask, *, ranks: Ranks, hooks: FitHooks) -> None:
        for seconds in (9.0, 5.0, 0.25, 7.0):
            moments[0] += seconds
            assert hooks.stop is not None
            hooks.stop()

    monkeypatch.setattr(costs, "fit", fit_with_delays)
    monkeypatch.setattr(costs, "monotonic", lambda: moments[0])
    assert _costs().measured["examples_per_second"] == 8 / 0.25


def test_costs_of_a_network_for_other_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="preset faces64"):
        _costs(preset="faces64")
