import click
import pytest
from click.testing import CliRunner

from lds_mlflow.entry.console import ALARM, say


@pytest.mark.parametrize(("text", "is_yellow"), [(f"{ALARM} copies", True), ("train done", False)])
def test_an_alarm_is_yellow_in_a_terminal_and_plain_elsewhere(text: str, is_yellow: bool) -> None:
    command = click.Command("speak", callback=lambda: say(text))
    assert ("\x1b[33m" in CliRunner().invoke(command, color=True).output) is is_yellow
    assert CliRunner().invoke(command).output == f"{text}\n"


@pytest.mark.parametrize(("is_terminal", "n_lines"), [(True, 3), (False, 1)])
def test_long_lines_break_between_words_in_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_terminal: bool, n_lines: int
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    say(f"report {'a-word ' * 8}/a/{'long/' * 12}path")
    said = click.unstyle(capsys.readouterr().out).splitlines()
    assert len(said) == n_lines
    assert said[-1].endswith(f"/a/{'long/' * 12}path")
