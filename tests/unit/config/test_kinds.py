from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo

from lds_mlflow.config.base import CountOrAuto, FileOrEmpty, Fraction, Pixels, Positive, RunReference, Seed, WorkFolder
from lds_mlflow.config.kinds import kind_of, range_of


@pytest.mark.parametrize(
    ("annotation", "kind", "numbers"),
    [
        (str, "TEXT", ""),
        (bool, "true|false", ""),
        (int, "INTEGER", ""),
        (Path, "FOLDER", ""),
        (WorkFolder, "FOLDER", ""),
        (FileOrEmpty, "FILE", ""),
        (RunReference, "RUN", ""),
        (CountOrAuto, "auto|INTEGER", ""),
        (Seed, "INTEGER", "from 0"),
        (Pixels, "INTEGER", "from 0 to 2048"),
        (Positive, "NUMBER", "above 0"),
        (Fraction, "NUMBER", "above 0 to below 1"),
        (Annotated[float, Field(le=0.5)], "NUMBER", "to 0.5"),
        (Annotated[float, Field(lt=0.5)], "NUMBER", "below 0.5"),
        (Literal["yes", "no"], "yes|no", ""),
        (Literal["one of many names", "another one of these"], "NAME", ""),
    ],
)
def test_a_parameter_says_what_it_takes(annotation: Any, kind: str, numbers: str) -> None:
    field = FieldInfo.from_annotation(annotation)
    assert (kind_of(field), range_of(field)) == (kind, numbers)


def test_a_number_whose_default_is_auto_may_be_auto_too() -> None:
    assert kind_of(FieldInfo.from_annotated_attribute(float, "auto")) == "auto|NUMBER"
