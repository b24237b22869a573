import pytest

from lds_mlflow import errors
from lds_mlflow.errors import Interrupted, LdsError

KINDS = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Interrupted])
def test_an_error_says_what_was_found_what_was_expected_and_what_to_do(kind: type[LdsError]) -> None:
    error = kind("train_steps", found="0", expected="1 or more", remedy="Give a number above 0.")
    assert isinstance(error, LdsError)
    assert str(error) == "train_steps: found 0; expected 1 or more. Give a number above 0."
    assert (error.what, error.found, error.expected, error.remedy) == (
        "train_steps",
        "0",
        "1 or more",
        "Give a number above 0.",
    )


def test_a_request_to_stop_is_no_error_of_the_user() -> None:
    stopped = Interrupted(15)
    assert not isinstance(stopped, LdsError)
    assert stopped.signum == 15
    assert str(stopped) == "stopped by signal 15"
