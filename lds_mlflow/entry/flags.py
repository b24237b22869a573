"""A command from an entry point: one flag for each parameter, help texts by topic, and errors as sentences."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click
import cloup
from click.core import ParameterSource
from cloup import HelpFormatter
from pydantic.fields import FieldInfo

from lds_mlflow.config import Configs, choices_of, help_of, kind_of, parse_all, range_of
from lds_mlflow.config.place import handed_over, is_launched
from lds_mlflow.entry.mlproject import IN_A_CONTAINER
from lds_mlflow.entry.parameter_files import read_parameters, written_parameters
from lds_mlflow.entry.points import ESSENTIALS, EntryPoint
from lds_mlflow.entry.secrets import require_no_secrets
from lds_mlflow.errors import ConfigError, FileAccessError, Interrupted, LdsError

__all__ = ["STYLE", "by_topic", "command"]

STYLE = {
    "help_option_names": ["-h", "--help"],
    "formatter_settings": HelpFormatter.settings(max_width=100, col1_max_width=32, row_sep=None),
}
"""Settings of click's context with which every help text is shown."""

_FIRST = ("data", "resolution", "train_steps", "finetune_steps")
_TOPICS = (ESSENTIALS, "Search", "Compare", "Data", "Train", "Augment", "Evaluate", "Register", "Runs", "Advanced")


def command(point: EntryPoint, run: Callable[[Configs], None]) -> cloup.Command:
    """Returns the command of an entry point.

    Every parameter is text until the configurations check all of them together. Those that the entry point does not
    know are checked with the rest, since MLflow passes on whatever `-P` is given.

    `--help` shows the parameters that people set most, and `--help-all` shows all of them, with the meaning of each
    value that can be chosen by name.

    Args:
        point: The entry point.
        run: Does what it is for, with its configurations.
    """

    def callback(*, print_config: bool, **values: str) -> None:
        try:
            configs, given = _configs(point, values, click.get_current_context())
            if print_config:
                click.echo(written_parameters(by_topic(point), given, point.name))
            else:
                run(configs)
        except LdsError as error:
            _fail(error)
        except OSError as error:
            if error.filename is None:
                raise
            _fail(FileAccessError.of(error))
        except Interrupted as error:
            click.echo("\nStopped. The run is marked KILLED. To go on, run the same command again.", err=True)
            sys.exit(128 + error.signum)

    def shown_whole(context: click.Context, _option: click.Parameter, is_wanted: bool) -> None:
        if is_wanted and not context.resilient_parsing:
            click.echo(_command(point, callback, shown_whole, whole=True).get_help(context))
            context.exit()

    return _command(point, callback, shown_whole, whole=False)


def _fail(error: LdsError) -> NoReturn:
    click.secho(f"\n{type(error).__name__}: {error}", err=True, fg="red")
    sys.exit(1)


def _configs(point: EntryPoint, values: Mapping[str, str], context: click.Context) -> tuple[Configs, dict[str, str]]:
    """Returns the configurations of a command, and the values that were given by flags or in a file."""
    flags = {name: value for name, value in values.items() if _is_given(name, value, context)}
    flags |= _named(context.args)
    require_no_secrets(flags, logged_by=handed_over())
    file, siblings = flags.get("config", ""), context.parent and context.parent.command
    others = siblings.commands.values() if isinstance(siblings, click.Group) else ()
    of_others = {str(param.name) for other in others for param in other.params if not _is_flag(param)}
    in_file = read_parameters(Path(file), point.parameters, of_others) if file else {}
    require_no_secrets(in_file)
    given = in_file | flags
    origins = {name: "flag" if name in flags else file for name in given}
    return replace(parse_all(point.configs, given, known=point.parameters), origins=origins), given


def _is_given(name: str, value: str, context: click.Context) -> bool:
    if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
        return False
    # MLflow's launcher passes on the default of each parameter that MLproject declares.
    default = next(param.default for param in context.command.params if param.name == name)
    return not is_launched() or value not in {default, IN_A_CONTAINER.defaults.get(name, default)}


def _is_flag(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.is_flag


def _place(parameter: tuple[str, FieldInfo]) -> int:
    name, _ = parameter
    return _FIRST.index(name) if name in _FIRST else len(_FIRST)


def by_topic(point: EntryPoint) -> dict[str, dict[str, FieldInfo]]:
    """Returns the parameters of a command under their topics, in the order in which help texts show them."""
    ordered = sorted(point.parameters.items(), key=_place)
    topics = point.topics
    found = {topic: {own: field for own, field in ordered if topics[own] == topic} for topic in _TOPICS}
    return {topic: parameters for topic, parameters in found.items() if parameters}


def _command(
    point: EntryPoint,
    callback: Callable[..., None],
    shown_whole: Callable[[click.Context, click.Parameter, bool], None],
    *,
    whole: bool,
) -> cloup.Command:
    found = by_topic(point)
    params: list[click.Parameter] = []
    for topic, parameters in found.items():
        group = cloup.OptionGroup(topic)
        params += [_flag(own, field, group, whole=whole) for own, field in parameters.items()]
    n_more = sum(len(parameters) for topic, parameters in found.items() if topic != ESSENTIALS)
    params.append(
        click.Option(["--print-config"], is_flag=True, help="Print a file of parameters, which --config reads.")
    )
    params.append(
        click.Option(
            ["--help-all"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=shown_whole,
            help=f"Show {n_more} more parameters, and all of their text.",
        )
    )
    examples = "\n".join(f"  python -m lds_mlflow {point.name} {example}".rstrip() for example in point.examples)
    return cloup.Command(
        point.name,
        params=params,
        help=point.help_text,
        short_help=point.help_text,
        epilog=f"\b\nExamples:\n{examples}" if examples else "",
        callback=callback,
        context_settings={**STYLE, "ignore_unknown_options": True, "allow_extra_args": True},
    )


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
                remedy="Put values with blanks in quotes. --help-all lists every parameter with its default.",
            )
    return found


def _in_short(field: FieldInfo) -> str:
    """Returns what a parameter is: its description without clauses that say nothing of its default value."""
    description = str(field.description)
    first, *others = description.split("; ")
    if ": " in first:
        return description
    default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    kept = [first, *(clause for clause in others if default in re.findall(r"[\w.-]+", clause))]
    return f"{'; '.join(kept).rstrip('.')}."


def _flag(name: str, field: FieldInfo, group: cloup.OptionGroup, *, whole: bool) -> cloup.Option:
    text, kind = help_of(field), kind_of(field)
    if not whole:
        text = _in_short(field)
        if kind == "NAME":
            text = f"{text} One of {', '.join(choices_of(field))}."
    given = str(field.default).lower() if isinstance(field.default, bool) else str(field.default) or "empty"
    notes = "; ".join(part for part in (f"default: {given}", range_of(field)) if part)
    return cloup.Option(
        [f"--{name}"],
        type=str,
        default=str(field.default),
        metavar=kind,
        help=f"{text}  [{notes}]",
        group=group,
        hidden=not whole and group.title != ESSENTIALS,
    )
