import click
import pytest
from click.testing import CliRunner

from lds_mlflow.entry.console import ALARM, say


@pytest.mark.parametrize(("text", "is_yellow"), [(f"{ALARM} copies", True), ("train done", False)])
def test_an_alarm_is_yellow_in_a_terminal_and_plain_elsewhere(text: str, is_yellow: bool) -> None:
    command = click.Command("speak", callback=lambda: say(text))
    assert ("\x1b[33m" in CliRunner().invoke(command, color=True).output) is is_yellow
    assert CliRunner().invoke(command).output == f"{text}\n"
