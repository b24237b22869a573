from pathlib import Path
from typing import Any

import pytest

from lds_mlflow.config import AugmentConfig, DataConfig, FinetuneConfig, TrainConfig
from lds_mlflow.entry import fingerprint
from lds_mlflow.entry.fingerprint import code_digest, fingerprint_of
from lds_mlflow.entry.graph import STEPS

CODE = '''
"""What the module does."""

from math import sqrt


class Thing:
    """What it is."""

    def area(self, x: float) -> float:
        """Returns its area."""
        return sqrt(x)  # not its side
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with one room and two modules, in place of the real one."""
    monkeypatch.setattr(fingerprint, "_PACKAGE", tmp_path)
    (tmp_path / "room" / "deep").mkdir(parents=True)
    (tmp_path / "steps").mkdir()
    (tmp_path / "room" / "thing.py").write_text(CODE)
    (tmp_path / "room" / "deep" / "inner.py").write_text("X = 1\n")
    (tmp_path / "module.py").write_text("Y = 2\n")
    return tmp_path


def _of_train(config: TrainConfig | None = None, **changes: Any) -> str:
    arguments: dict[str, Any] = {"inputs": {"data": "d1"}, "outside": ""} | changes
    return fingerprint_of(STEPS["train"], config or TrainConfig(), **arguments)


def test_equal_parts_have_one_fingerprint() -> None:
    assert _of_train() == _of_train(TrainConfig())


@pytest.mark.parametrize(
    "change",
    [{"train_steps": 3}, {"preset": "digits"}, {"learning_rate": 0.011}, {"train_seed": 1}, {"ema_decay": 0.5}],
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


def test_the_run_that_an_input_is_named_by_does_not_matter() -> None:
    assert _of_train(TrainConfig(data_run="0123456789abcdef")) == _of_train(TrainConfig(data_run="auto"))


def test_two_steps_have_two_fingerprints() -> None:
    train, encode = (fingerprint_of(STEPS[name], AugmentConfig(), {}, "") for name in ("train", "encode"))
    assert train != encode


def test_a_fingerprint_knows_the_code_of_its_step(package: Path) -> None:
    for place in STEPS["train"].code:
        (package / place).touch() if place.endswith(".py") else (package / place).mkdir()
    step = package / "steps" / "train.py"
    step.write_text("Z = 1\n")
    before = _of_train()
    step.write_text("Z = 2\n")
    changed = _of_train()
    (package / "vae" / "layers.py").write_text("SLOPE = 0.2\n")
    assert len({before, changed, _of_train()}) == 3


def test_equal_code_has_one_digest_in_whatever_order_its_places_are_named(package: Path) -> None:
    assert code_digest(("room", "module.py")) == code_digest(("module.py", "room"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  # not its side", ""),
        ('"""What the module does."""', '"""Something else."""'),
        ('    """What it is."""\n', ""),
        ('        """Returns its area."""\n', '        """Another\n\n        sentence."""\n'),
        ("\n\n\nclass", "\n\n\n# A thing.\nclass"),
        ("return sqrt(x)", "return sqrt( x )"),
    ],
)
def test_comments_docstrings_and_layout_do_not_count(package: Path, old: str, new: str) -> None:
    before = code_digest(("room",))
    assert old in CODE
    (package / "room" / "thing.py").write_text(CODE.replace(old, new))
    assert code_digest(("room",)) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("sqrt(x)", "sqrt(x) + 1"), ("area", "side"), ("x: float", "x: float = 1.0"), ("from math", "from cmath")],
)
def test_code_counts(package: Path, old: str, new: str) -> None:
    before = code_digest(("room",))
    assert old in CODE
    (package / "room" / "thing.py").write_text(CODE.replace(old, new))
    assert code_digest(("room",)) != before


def test_code_deep_in_a_room_counts_and_code_elsewhere_does_not(package: Path) -> None:
    before = code_digest(("room",))
    (package / "module.py").write_text("Y = 3\n")
    assert code_digest(("room",)) == before
    (package / "room" / "deep" / "inner.py").write_text("X = 3\n")
    assert code_digest(("room",)) != before


def test_a_new_file_in_a_room_counts_and_one_that_is_no_code_does_not(package: Path) -> None:
    before = code_digest(("room",))
    (package / "room" / "notes.txt").write_text("text")
    assert code_digest(("room",)) == before
    (package / "room" / "new.py").write_text("NEW = 1\n")
    assert code_digest(("room",)) != before


def test_a_text_that_is_used_is_no_docstring(package: Path) -> None:
    (package / "module.py").write_text('def f():\n    return "one"\n')
    before = code_digest(("module.py",))
    (package / "module.py").write_text('def f():\n    return "two"\n')
    assert code_digest(("module.py",)) != before
