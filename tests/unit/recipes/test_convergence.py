from types import SimpleNamespace
from typing import Any

import pytest

from lds_mlflow.recipes.convergence import converged, convergence_in_words, has_converged


def _run(found: bool | None) -> Any:
    return SimpleNamespace(metrics={"loss": 1.0} | converged(found))


@pytest.mark.parametrize("found", [True, False, None])
def test_a_run_says_what_was_logged_for_it(found: bool | None) -> None:
    assert has_converged(_run(found)) is found


def test_models_that_had_not_converged_are_named() -> None:
    runs = {"baseline": _run(False), "control": _run(True), "other": _run(None)}
    assert convergence_in_words(runs).startswith("baseline not converged (baseline): its training ended")


def test_nothing_is_said_where_all_had_converged_or_nobody_knows() -> None:
    assert convergence_in_words({"baseline": _run(True), "other": _run(None)}) == ""
