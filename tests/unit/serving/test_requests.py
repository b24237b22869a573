from typing import Any

import numpy as np
import pandas as pd
import pytest

from lds_mlflow.domains import domain_of
from lds_mlflow.errors import DataError
from lds_mlflow.serving.requests import LARGEST_SEED, SampleRow, defaults_of, options_of, rows_of


@pytest.mark.parametrize(
    "asked",
    [
        [3, 4],
        (3, 4),
        [3.0, 4.0],
        np.array([3, 4]),
        pd.Series([3, 4]),
        pd.DataFrame({"seed": [3, 4]}),
        {"seed": [3, 4]},
        {"seed": np.array([3, 4])},
        [{"seed": 3}, {"seed": 4}],
        {"seed": 3, "n": 2},
        pd.DataFrame({"seed": [3], "n": [2]}),
        [{"seed": 3, "n": 1}, {"seed": 4}],
        [{"seed": 3, "seed_to": None}, {"seed": 4, "at": float("nan")}],
    ],
)
def test_seeds_come_in_every_form_that_people_use(asked: Any) -> None:
    assert rows_of(asked) == [SampleRow(3), SampleRow(4)]


@pytest.mark.parametrize("asked", [2, np.int64(2), 2.0, {"n": 2}, {"n": [2]}, pd.DataFrame({"n": [2]}), [{"n": 2}]])
def test_a_number_of_samples_begins_with_the_seed_0(asked: Any) -> None:
    assert rows_of(asked) == [SampleRow(0), SampleRow(1)]


def test_a_sample_between_two_seeds_has_both_and_its_place() -> None:
    assert rows_of({"seed": 3, "seed_to": 7, "at": 0.25}) == [SampleRow(3, 7, 0.25)]
    mixed = rows_of([{"seed": 1}, {"seed": 3, "seed_to": 7, "at": 1}])
    assert mixed == [SampleRow(1), SampleRow(3, 7, 1.0)]


@pytest.mark.parametrize(
    ("asked", "what", "found"),
    [
        (0, "column n", "0"),
        (257, "column n", "257"),
        (True, "column n", "True"),
        ("seven", "column n", "seven"),
        (None, "column seed", "None"),
        ([], "column seed", "no rows"),
        ({}, "column seed", "columns "),
        ([[1, 2]], "column seed", "[1, 2]"),
        ([1, None], "column seed", "None"),
        ({"seed": [1, 2], "n": [3]}, "the request", "All arrays must be of the same length"),
        ({"seed": 1, "seed_to": 2}, "columns seed_to and at", "one of them alone"),
        ({"seed": 1, "at": 0.5}, "columns seed_to and at", "one of them alone"),
        ({"seed": 1, "seed_to": 2, "at": 1.5}, "column at", "1.5"),
        ({"seed": 1, "seed_to": 2, "at": "half"}, "column at", "half"),
        ({"seed": 1, "seed_to": -2, "at": 0.5}, "column seed_to", "-2"),
        ({"seed": 1, "seed_to": 2, "at": True}, "column at", "True"),
        ({"n": 3, "seed_to": 2, "at": 0.5}, "column n", "3, with seed_to or at"),
        ({"n": 2, "seed": LARGEST_SEED}, "column n", f"2 seeds from {LARGEST_SEED} on"),
        ([{"n": 200}, {"n": 57}], "the request", "257 rows"),
        ([{"n": 9**99}], "column n", str(9**99)),
    ],
)
def test_what_no_sample_can_be_drawn_of_is_refused_with_itself(asked: Any, what: str, found: str) -> None:
    with pytest.raises(DataError) as caught:
        rows_of(asked)
    assert (caught.value.what, caught.value.found.startswith(found)) == (what, True)


def test_parameters_that_are_not_given_have_their_defaults_and_others_are_left_out() -> None:
    images = domain_of("images")
    assert options_of({"psi": 0.5}, images)._asdict() == defaults_of(images)
    assert options_of({"nearest": True, "balance": "a:0.5,b:0.5"}, images).balance == "a:0.5,b:0.5"


def test_a_long_value_is_cut_where_it_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        options_of({"sampler": "x" * 1000}, domain_of("images"))
    assert len(caught.value.found) == 200


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="two of one name"):
        rows_of(pd.DataFrame([[0, 1]], columns=["seed", "seed"]))
