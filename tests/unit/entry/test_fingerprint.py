from typing import Any

import pytest

from lds_mlflow.config import AugmentConfig, CompareConfig, DataConfig, FinetuneConfig, TrainConfig
from lds_mlflow.entry import fingerprint
from lds_mlflow.entry.fingerprint import (
    digest_of_code,
    digest_of_feature_code,
    digest_of_step_code,
    fingerprint_of,
    modules_behind,
)
from lds_mlflow.entry.graph import STEPS, Step
from lds_mlflow.entry.imports import Package

CODE = '''
"""What the module does."""

from math import sqrt


class Thing:
    """What it is."""

    def area(self, x: float) -> float:
        """Returns its area."""
        return sqrt(x)  # not its side

    async def wait(self) -> None:
        """Waits."""
'''
PACKAGE = Package.read()
ALL_STEPS = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
REPORTING = {"evaluate", "compare", "register", "ablate"}
FITS = ("train", "encode", "augment", "finetune", "classifier")


def _of_train(config: TrainConfig | None = None, **changes: Any) -> str:
    arguments: dict[str, Any] = {"inputs": {"data": "d1"}, "outside": ""} | changes
    return fingerprint_of(STEPS["train"], config or TrainConfig(), **arguments)


def test_equal_parts_have_one_fingerprint() -> None:
    assert _of_train() == _of_train(TrainConfig())


@pytest.mark.parametrize(
    "change",
    [{"train_steps": 3}, {"preset": "digits"}, {"learning_rate": 0.011}, {"train_seed": 1}, {"ema_images": 5}],
)
def test_another_parameter_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert _of_train(TrainConfig(**change)) != _of_train()


def test_another_input_has_another_fingerprint() -> None:
    assert len({_of_train(), _of_train(inputs={"data": "d2"}), _of_train(inputs={})}) == 3


def test_the_order_of_the_inputs_does_not_matter() -> None:
    one, other = {"train": "t", "augment": "a"}, {"augment": "a", "train": "t"}
    step = STEPS["finetune"]
    assert fingerprint_of(step, FinetuneConfig(), one, "") == fingerprint_of(step, FinetuneConfig(), other, "")


def test_inputs_are_not_mixed_up() -> None:
    one, other = {"train": "x", "augment": "y"}, {"train": "y", "augment": "x"}
    step = STEPS["finetune"]
    assert fingerprint_of(step, FinetuneConfig(), one, "") != fingerprint_of(step, FinetuneConfig(), other, "")


def test_other_files_outside_have_another_fingerprint() -> None:
    step = STEPS["data"]
    assert fingerprint_of(step, DataConfig(), {}, "one") != fingerprint_of(step, DataConfig(), {}, "two")


def test_the_order_of_what_is_compared_matters_and_its_first_is_the_reference() -> None:
    one, other = {"a": "x", "b": "y"}, {"b": "y", "a": "x"}
    found = [fingerprint_of(STEPS["compare"], CompareConfig(), inputs, "") for inputs in (one, other)]
    assert found[0] != found[1]


def test_the_run_that_an_input_is_named_by_does_not_matter() -> None:
    assert _of_train(TrainConfig(data_run="0123456789abcdef")) == _of_train(TrainConfig(data_run="auto"))


def test_two_steps_have_two_fingerprints() -> None:
    train, encode = (fingerprint_of(STEPS[name], AugmentConfig(), {}, "") for name in ("train", "encode"))
    assert train != encode


def _behind(step: Step) -> list[str]:
    return modules_behind(PACKAGE, [step.module])


def _changed(module: str) -> Package:
    return Package({**PACKAGE.sources, module: f"{PACKAGE.sources[module]}\nCHANGED = True\n"})


def test_changing_a_module_changes_the_code_of_exactly_those_steps_that_reach_it() -> None:
    before = {name: digest_of_code(PACKAGE, [step.module]) for name, step in STEPS.items()}
    # A part of the modules, of every room: each costs as many digests as there are steps.
    for module in sorted(PACKAGE.sources)[::6]:
        after = {name: digest_of_code(_changed(module), [step.module]) for name, step in STEPS.items()}
        changed = {name for name in STEPS if after[name] != before[name]}
        assert changed == {name for name, step in STEPS.items() if module in _behind(step)}, module


def test_the_code_of_a_step_is_part_of_its_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _of_train()
    monkeypatch.setattr(fingerprint, "_package", lambda: _changed("lds_mlflow.training.fit"))
    assert _of_train() != before


@pytest.mark.parametrize("name", FITS)
def test_a_step_that_fits_reaches_the_values_that_it_reads(name: str) -> None:
    assert "lds_mlflow.values" in _behind(STEPS[name])


def test_the_features_that_are_kept_depend_on_every_extractor_and_on_how_weights_are_read() -> None:
    features = PACKAGE.below("lds_mlflow.metrics.features")
    behind = modules_behind(PACKAGE, features)
    assert {"lds_mlflow.models.pretrained", "lds_mlflow.metrics.features.squeezenet"} <= set(behind)
    assert digest_of_feature_code() == digest_of_code(PACKAGE, features)


def test_the_features_that_are_kept_do_not_depend_on_how_figures_are_computed() -> None:
    assert "lds_mlflow.metrics.frechet" not in modules_behind(PACKAGE, PACKAGE.below("lds_mlflow.metrics.features"))


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("train", "lds_mlflow.training.fit"),
        ("augment", "lds_mlflow.latent.selecting.rules"),
        ("augment", "lds_mlflow.latent.scoring.fused"),
        ("evaluate", "lds_mlflow.metrics.frechet"),
        ("evaluate", "lds_mlflow.models.pretrained"),
    ],
)
def test_a_step_reaches_the_science_that_makes_its_result(name: str, module: str) -> None:
    assert module in _behind(STEPS[name])


@pytest.mark.parametrize(
    ("name", "module"), [("train", "lds_mlflow.metrics.kernel"), ("data", "lds_mlflow.training.fit")]
)
def test_a_step_does_not_reach_what_others_do(name: str, module: str) -> None:
    assert module not in _behind(STEPS[name])


@ALL_STEPS
def test_how_results_are_kept_and_who_runs_a_step_does_not_count(step: Step) -> None:
    rooms = {module.split(".")[1] for module in _behind(step)}
    assert not rooms & {"tracking", "pipeline", "entry"}


@ALL_STEPS
def test_how_pictures_are_drawn_counts_where_the_result_is_a_report(step: Step) -> None:
    rooms = {module.split(".")[1] for module in _behind(step)}
    assert ("pictures" in rooms) == ("reporting" in rooms) == (step.name in REPORTING)


def test_the_code_of_several_steps_is_that_of_each() -> None:
    train, encode = STEPS["train"], STEPS["encode"]
    assert digest_of_step_code(train, encode) == digest_of_code(PACKAGE, [train.module, encode.module])
    assert digest_of_step_code(train, encode) == digest_of_step_code(encode, train) != digest_of_step_code(train)


def _digest(source: str) -> str:
    return digest_of_code(Package({"p.thing": source}), ["p.thing"])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # not its side", ""),
        ('"""What the module does."""', '"""Something else."""'),
        ('    """What it is."""\n', ""),
        ('        """Returns its area."""\n', '        """Another\n\n        sentence."""\n'),
        ('"""Waits."""', '"""Waits for it."""'),
        ("\n\n\nclass", "\n\n\n# A thing.\nclass"),
        ("return sqrt(x)", "return sqrt( x )"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(old: str, new: str) -> None:
    assert old in CODE
    assert _digest(CODE.replace(old, new)) == _digest(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [("sqrt(x)", "sqrt(x) + 1"), ("area", "side"), ("x: float", "x: float = 1.0"), ("from math", "from cmath")],
)
def test_code_counts(old: str, new: str) -> None:
    assert old in CODE
    assert _digest(CODE.replace(old, new)) != _digest(CODE)


def test_a_text_that_is_used_is_no_docstring() -> None:
    one, two = (_digest(f"def f():\n    return {text!r}\n") for text in ("one", "two"))
    assert one != two


def test_code_that_moves_to_another_module_counts() -> None:
    assert digest_of_code(Package({"p.a": CODE}), ["p.a"]) != digest_of_code(Package({"p.b": CODE}), ["p.b"])
