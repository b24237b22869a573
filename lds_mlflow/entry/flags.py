"""A click command from configurations: one flag a parameter, and errors as sentences."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import click
from pydantic.fields import FieldInfo

from lds_mlflow.config.choice import choices_of
from lds_mlflow.errors import Interrupted, LdsError

__all__ = ["command"]


def command(
    name: str, fields: Mapping[str, FieldInfo], help_text: str, run: Callable[[Mapping[str, str]], None]
) -> click.Command:
    """Returns the command of an entry point.

    Args:
        name: The entry point.
        fields: Its parameters.
        help_text: What it does.
        run: Does it, with the parameters as text: the configurations check them all together.
    """

    def callback(**values: Any) -> None:
        try:
            run(values)
        except LdsError as error:
            click.secho(f"\n{type(error).__name__}: {error}", err=True, fg="red")
            sys.exit(1)
        except Interrupted as error:
            click.echo("\nStopped. The run is marked KILLED. To go on, run the same command again.", err=True)
            sys.exit(128 + error.signum)

    params: list[click.Parameter] = [_flag(own, field) for own, field in fields.items()]
    return click.Command(name, params=params, help=help_text, callback=callback)


def _flag(name: str, field: FieldInfo) -> click.Option:
    choices = "|".join(choices_of(field))
    return click.Option(
        [f"--{name}"],
        type=str,
        default=str(field.default),
        show_default=True,
        metavar=f"[{choices}]" if choices else "VALUE",
        help=field.description,
    )
