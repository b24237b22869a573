"""What commands print."""

import click

__all__ = ["ALARM", "say"]

ALARM = "Alarm:"
"""What a line begins with that says what makes a result worth little."""


def say(text: str) -> None:
    """Prints a text; an alarm is yellow where the output is a terminal."""
    click.secho(text, fg="yellow" if text.startswith(ALARM) else None)
