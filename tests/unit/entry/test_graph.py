import ast
from pathlib import Path

import pytest

import lds_mlflow
from lds_mlflow.config import (
    ClassifierConfig,
    DeliverConfig,
    DryRunConfig,
    EvaluateConfig,
    Options,
    PromoteConfig,
    ServeConfig,
)
from lds_mlflow.entry.graph import (
    DELIVER,
    ENTRY_POINTS,
    MAIN,
    PROMOTE,
    SERVE,
    SETTLED,
    STEPS,
    Step,
    configs_behind,
    help_text,
    parameters,
    steps_behind,
)

PACKAGE = Path(lds_mlflow.__file__).parent
SCIENCE = {
    *("batches", "data", "latent", "metrics", "perceptual", "pretrained", "ranks"),
    *("samplers", "sampling", "serving", "training", "vae"),
}
"""The rooms that results are made in. Pictures show them, and the rest carries and keeps them."""

HELPERS = {"ablating", "augmenting", "comparing", "drawing", "evaluating", "fits", "fitting"}
"""What steps are written with, file by file."""

ALL_STEPS = pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)


def _rooms(file: Path) -> set[str]:
    """The rooms and modules of the package that a file imports."""
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    modules = [str(node.module).split(".") for node in imports]
    return {parts[1] for parts in modules if parts[0] == "lds_mlflow" and len(parts) > 1}


def _files(room: str) -> list[Path]:
    folder = PACKAGE / room
    return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def _covered(step: Step) -> set[str]:
    return {Path(place).stem for place in step.code}


def _imported_by(step: Step) -> set[str]:
    rooms = _rooms(PACKAGE / "steps" / f"{step.name}.py")
    return rooms.union(*(_rooms(file) for name in rooms & HELPERS for file in _files(name)))


def _imported_in_turn(rooms: set[str]) -> set[str]:
    return set().union(*(_rooms(file) for room in rooms for file in _files(room)))


def test_a_step_is_known_by_its_name() -> None:
    assert all(step.name == name for name, step in STEPS.items())
    assert (MAIN, *STEPS, PROMOTE, SERVE, DELIVER) == ENTRY_POINTS


@ALL_STEPS
def test_every_input_is_made_by_an_earlier_step(step: Step) -> None:
    earlier = list(STEPS)[: list(STEPS).index(step.name)]
    for needed in step.inputs:
        assert needed.steps
        assert needed.steps[0] in earlier
        assert set(needed.steps) <= {*STEPS} - {step.name} | {"finetune"}


@ALL_STEPS
def test_every_input_has_a_parameter_and_every_run_parameter_is_an_input(step: Step) -> None:
    named = {name for name in step.config.model_fields if name.endswith("_run") or name == "runs"}
    assert step.references == named


@pytest.mark.parametrize("entry_point", [MAIN, *STEPS])
def test_what_a_step_reads_comes_before_it(entry_point: str) -> None:
    steps = steps_behind(entry_point)
    assert len(set(steps)) == len(steps)
    for place, name in enumerate(steps):
        for needed in STEPS[name].inputs:
            assert needed.steps[0] in steps[:place]


@ALL_STEPS
def test_a_step_is_the_last_of_those_behind_it_but_finetune_which_registers(step: Step) -> None:
    assert steps_behind(step.name)[-1] == ("register" if step.name == "finetune" else step.name)


def test_the_whole_chain_is_behind_finetune() -> None:
    assert steps_behind("finetune")[:5] == ("data", "train", "encode", "augment", "finetune")
    assert steps_behind("finetune")[5:] == ("classifier", "evaluate", "register")


def test_nothing_is_behind_the_data() -> None:
    assert steps_behind("data") == ("data",)


def test_main_runs_everything_but_the_ablation_and_the_sampling() -> None:
    assert steps_behind(MAIN) == tuple(name for name in STEPS if name not in {"ablate", "sample"})


@pytest.mark.parametrize("entry_point", [MAIN, *STEPS])
def test_an_entry_point_takes_the_configurations_of_its_steps_and_the_options(entry_point: str) -> None:
    promotes = (PromoteConfig,) if entry_point in (MAIN, "finetune") else ()
    plans = (DryRunConfig,) if entry_point == "train" else ()
    of_steps = (STEPS[name].config for name in steps_behind(entry_point))
    assert configs_behind(entry_point) == (*of_steps, *promotes, *plans, Options)


def test_promoting_takes_what_evaluating_takes_and_serving_nothing_of_the_steps() -> None:
    assert configs_behind(PROMOTE) == (ClassifierConfig, EvaluateConfig, PromoteConfig, Options)
    assert configs_behind(SERVE) == (ServeConfig,)
    assert configs_behind(DELIVER) == (DeliverConfig,)
    assert {"features", "candidate", "rollback"} <= set(parameters(PROMOTE))
    assert not any(name.endswith("_run") for name in parameters(PROMOTE))


@ALL_STEPS
def test_an_entry_point_has_all_parameters_of_its_configurations_its_own_first(step: Step) -> None:
    found = list(parameters(step.name))
    every = {name for config in configs_behind(step.name) for name in config.model_fields}
    settled = every - set(found)
    assert settled == SETTLED.get(step.name, set()) & every
    own = [name for name in step.config.model_fields if name not in settled]
    assert [name for name in found if name in step.config.model_fields] == own
    assert found[-len(Options.model_fields) :] == list(Options.model_fields)


def test_main_has_all_parameters_but_those_that_name_runs() -> None:
    found = parameters(MAIN)
    assert not any(name.endswith("_run") or name == "runs" for name in found)
    assert {"data", "train_steps", "sigma", "finetune_steps", "k_neighbours", "reuse"} <= set(found)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_every_entry_point_says_what_it_does_in_a_sentence_of_its_own(entry_point: str) -> None:
    assert help_text(entry_point).endswith(".")
    assert [help_text(name) for name in ENTRY_POINTS].count(help_text(entry_point)) == 1


@ALL_STEPS
def test_the_code_of_a_step_is_there(step: Step) -> None:
    assert (PACKAGE / "steps" / f"{step.name}.py").is_file()
    assert all((PACKAGE / place).exists() for place in step.code)


@ALL_STEPS
def test_the_code_of_a_step_covers_the_science_that_it_imports(step: Step) -> None:
    assert _imported_by(step) & SCIENCE <= _covered(step)


@ALL_STEPS
def test_the_code_of_a_step_covers_the_science_that_its_science_imports(step: Step) -> None:
    assert _imported_in_turn(_covered(step)) & SCIENCE <= _covered(step)


@ALL_STEPS
def test_the_code_of_a_step_that_fits_covers_how_it_fits(step: Step) -> None:
    fits = "fitting" in _rooms(PACKAGE / "steps" / f"{step.name}.py")
    assert ("fitting" in _covered(step)) == fits


def test_the_steps_that_fit_are_those_that_train() -> None:
    fits = [name for name in STEPS if "fitting" in _rooms(PACKAGE / "steps" / f"{name}.py")]
    assert fits == ["train", "finetune"]


def test_the_rooms_are_where_this_test_looks_for_them() -> None:
    assert all(file.is_file() for room in SCIENCE for file in _files(room))
    assert {"vae", "training", "sampling"} <= _rooms(PACKAGE / "fitting.py")
