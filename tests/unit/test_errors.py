from copy import copy

import pytest

from lds_mlflow import errors
from lds_mlflow.errors import Interrupted, LdsError, first_line, quoted, without_passwords

KINDS = [
    kind
    for kind in (getattr(errors, name) for name in errors.__all__)
    if isinstance(kind, type) and issubclass(kind, LdsError)
]


@pytest.mark.parametrize("kind", KINDS)
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


@pytest.mark.parametrize("found", ["one\ntwo", "\none\ntwo", "one\ntwo\n"])
def test_a_list_of_what_was_found_stands_on_lines_of_its_own_between_two_sentences(found: str) -> None:
    error = LdsError("2 wrong values", found=found, expected="other values", remedy="Correct them.")
    assert str(error) == "2 wrong values: expected other values. Found:\none\ntwo\nCorrect them."


def test_a_list_of_one_is_a_list_too() -> None:
    error = LdsError("1 wrong value", found="\n  - one", expected="another", remedy="Correct it.")
    assert str(error) == "1 wrong value: expected another. Found:\n  - one\nCorrect it."


def test_a_request_to_stop_is_no_error_of_the_user() -> None:
    stopped = Interrupted(15)
    assert not isinstance(stopped, LdsError)
    assert stopped.signum == 15
    assert str(stopped) == "stopped by signal 15"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:secret@host:5000/path", "http://me:***@host:5000/path"),
        ("postgresql+psycopg://me:s:e%2F@host/db, s3://k:v@b", "postgresql+psycopg://me:***@host/db, s3://k:***@b"),
        ("http://:secret@host", "http://:***@host"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("http://me@host and 12:30 a@b", "http://***@host and 12:30 a@b"),
        ("sqlite:////folder/mlflow.db", "sqlite:////folder/mlflow.db"),
        ("postgresql://me:se/cr et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:se@cr/et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:5432/secret@host", "postgresql://me:***@host"),
        ("postgresql://host:5432/db is busy; ask a@b", "postgresql://host:5432/db is busy; ask a@b"),
        ("postgresql://host/db?user=me&sslpassword=secret", "postgresql://host/db?user=me&sslpassword=***"),
        ("host=h PWD=secret;UID=me", "host=h PWD=***"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dsecret", "mssql+pyodbc:///?odbc_connect=***"),
        ("https://host/a.zip?X-Amz-Signature=secret&a=b", "https://host/a.zip?X-Amz-Signature=***&a=b"),
        ("https://host/a?sv=1&sig=secret", "https://host/a?sv=1&sig=***"),
        ("git+https://secret@host/repo.git", "git+https://***@host/repo.git"),
        ("http://[::1]:5000/a@b and http://host:5000.", "http://[::1]:5000/a@b and http://host:5000."),
        ("http://host:5000 and http://me:secret@host", "http://host:5000 and http://me:***@host"),
        ("postgresql://me:.secret@host", "postgresql://me:***@host"),
        ("https://me:'secret@host and s3://k: secret@b", "https://me:***@host and s3://k:***@b"),
        ("postgresql://me:12.secret@host", "postgresql://me:***@host"),
        ("postgresql://host:5432, and ask a@b", "postgresql://host:5432, and ask a@b"),
        ("design=3, sigma=4, passfile=~/.pgpass", "design=3, sigma=4, passfile=~/.pgpass"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


def test_no_error_shows_a_password() -> None:
    address = "http://me:secret@host"
    error = errors.TrackingError(address, found=address, expected=address, remedy=address)
    assert "secret" not in f"{error} {error!r} {error.what} {error.found} {error.expected} {error.remedy}"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ConnectionRefusedError(), "ConnectionRefusedError"),
        (ValueError("\ntwo"), "ValueError"),
        (ValueError("no answer of http://me:secret@host"), "no answer of http://me:***@host"),
    ],
)
def test_the_first_line_of_an_error_is_told_without_passwords(error: Exception, line: str) -> None:
    assert first_line(error) == line
    told = errors.TrackingError.because(error, "the server", expected="an answer", remedy="Start it.")
    assert (told.what, told.found) == ("the server", line)


def test_long_values_are_cut_short_in_every_place() -> None:
    long = "begin " + "x" * 10**5 + " end"
    error = errors.DataError(long, found=long, expected=long, remedy=long)
    assert len(str(error)) < 5_000
    assert error.found.startswith("begin xxx")
    assert error.found.endswith("xxx end (100,010 characters)")
    assert str(copy(error)) == str(error)
    assert len(first_line(ValueError(long))) <= 1_000


def test_a_cut_uncovers_no_password() -> None:
    text = f"http://me:{'secret' * 100}@host " * 1_000
    assert "secret" not in errors.DataError("x", found=text, expected=text, remedy=text).found


def test_values_are_quoted_with_the_number_of_those_that_are_left_out() -> None:
    assert quoted(["a", "b"]) == "a, b"
    assert quoted(map(str, range(1_000))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 990 more"
    assert len(quoted(["x" * 10**6] * 3)) < 200
