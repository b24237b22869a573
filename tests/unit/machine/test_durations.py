import pytest

from lds_mlflow.machine.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (40, "40 s"), (720, "12 min"), (12_600, "3.5 h"), (720_000, "200.0 h")]
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
