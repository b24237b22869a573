import pytest

from lds_mlflow.config import parse
from lds_mlflow.errors import ConfigError
from tuning.config import TuneConfig


@pytest.mark.parametrize(
    ("objectives", "wanted"),
    [("fid", ("fid",)), ("fid,coverage", ("fid", "coverage")), ("fid , coverage", ("fid", "coverage"))],
)
def test_figures_are_named_by_commas_and_the_first_leads(objectives: str, wanted: tuple[str, ...]) -> None:
    assert parse(TuneConfig, {"objectives": objectives}).wanted == wanted


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("objectives", ""),
        ("objectives", "fid,"),
        ("study", "a/b"),
        ("study", ""),
        ("trials", 0),
        ("seeds", 0),
        ("fresh_seeds", 1),
        ("workers", -1),
    ],
)
def test_what_can_not_be_searched_is_refused(name: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{name}={value}"):
        parse(TuneConfig, {name: value})
