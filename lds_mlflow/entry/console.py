"""What commands print."""

import sys
from shutil import get_terminal_size
from textwrap import fill

import click

__all__ = ["ALARM", "say"]

ALARM = "Alarm:"
"""What a line begins with that says what makes a result worth little."""


def say(text: str) -> None:
    """Prints a text; in a terminal, long lines break between words, and an alarm is yellow."""
    if sys.stdout.isatty():
        text = "\n".join(map(_broken, text.splitlines()))
    click.secho(text, fg="yellow" if text.startswith(ALARM) else None)


def _broken(line: str) -> str:
    # Addresses and paths stay whole.
    return fill(line, get_terminal_size().columns, break_long_words=False, break_on_hyphens=False) if line else line
