"""A click command from an entry point: one flag for each parameter, and errors as sentences."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from pydantic.fields import FieldInfo

from lds_mlflow.config import Configs, choices_of, help_of, parse_all
from lds_mlflow.entry.points import EntryPoint
from lds_mlflow.errors import ConfigError, Interrupted, LdsError

__all__ = ["command"]


def command(point: EntryPoint, run: Callable[[Configs], None]) -> click.Command:
    """Returns the command of an entry point.

    Every parameter is text until the configurations check all of them together. Those that the entry point does not
    know are checked with the rest, since MLflow passes on whatever `-P` is given.

    Args:
        point: The entry point.
        run: Does what it is for, with its configurations.
    """

    def callback(**values: Any) -> None:
        try:
            unknown = _named(click.get_current_context().args)
            run(parse_all(point.configs, values | unknown, known=point.parameters))
        except LdsError as error:
            click.secho(f"\n{type(error).__name__}: {error}", err=True, fg="red")
            sys.exit(1)
        except Interrupted as error:
            click.echo("\nStopped. The run is marked KILLED. To go on, run the same command again.", err=True)
            sys.exit(128 + error.signum)

    params: list[click.Parameter] = [_flag(own, field) for own, field in point.parameters.items()]
    settings = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(point.name, params=params, help=point.help_text, callback=callback, context_settings=settings)


def _named(words: Sequence[str]) -> dict[str, str]:
    """Returns the parameters that stand in words which click did not know: --name=value, or --name value.

    Raises:
        ConfigError: A word belongs to no parameter.
    """
    found: dict[str, str] = {}
    waiting = ""
    for word in words:
        if word.startswith("--"):
            name, given, value = word.removeprefix("--").partition("=")
            found[name] = value
            waiting = "" if given else name
        elif waiting:
            found[waiting], waiting = word, ""
        else:
            raise ConfigError(
                "the command line",
                found=f"the word {word!r}, which belongs to no parameter",
                expected="parameters as --name=value or --name value",
                remedy="Put values with blanks in quotes. --help lists every parameter with its default.",
            )
    return found


def _flag(name: str, field: FieldInfo) -> click.Option:
    choices = choices_of(field)
    return click.Option(
        [f"--{name}"],
        type=str,
        default=str(field.default),
        show_default=True,
        metavar=f"[{'|'.join(choices)}]" if choices else "VALUE",
        help=help_of(field),
    )
