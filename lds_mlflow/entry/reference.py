"""The reference of the commands and of their parameters, as Markdown, written from the entry points."""

from collections.abc import Iterable, Sequence
from html import escape

from pydantic.fields import FieldInfo

from lds_mlflow.config import Settings, choices_of, kind_of, range_of
from lds_mlflow.entry.flags import by_topic
from lds_mlflow.entry.points import ESSENTIALS, EntryPoint

__all__ = ["commands_page", "parameters_page"]

_COMMANDS_HEAD = """\
# Commands

Each command is an entry point of the MLflow project: `mlflow run . -e COMMAND -P NAME=VALUE` and
`python -m lds_mlflow COMMAND --NAME=VALUE` do the same. A command also runs the steps that it
needs, and reuses their finished runs; [Parameters, runs and reuse](parameters-and-runs.md) says
how.

This page has the parameters that people set most. Each command takes the parameters of the steps
behind it as well; [All parameters](parameters.md) has these, and so has
`python -m lds_mlflow COMMAND --help-all`.

This page is generated from the configurations.
"""
_PARAMETERS_HEAD = """\
# All parameters

Every parameter of every command stands here once, under its topic, with what it takes, its default
and the commands that take it. A command refuses a name that it does not have, and names the nearest
one. This page is generated from the configurations.
"""


def commands_page(points: Iterable[EntryPoint]) -> str:
    """Returns a page with each command: what it does, what people set most, and examples.

    Args:
        points: The entry points.
    """
    return "\n".join([_COMMANDS_HEAD, *(_command(point) for point in points)])


def parameters_page(points: Sequence[EntryPoint]) -> str:
    """Returns a page with each parameter of some entry points, by topic.

    Args:
        points: The entry points.
    """
    names = [point.name for point in points]
    fields: dict[str, dict[tuple[str, str], FieldInfo]] = {}
    takers: dict[tuple[str, str], list[str]] = {}
    for point in points:
        for config in point.configs:
            for name, field in config.model_fields.items():
                if name in point.settles:
                    continue
                key = (name, str(field.description))
                fields.setdefault(config.topic, {}).setdefault(key, field)
                takers.setdefault(key, [])
                if point.name not in takers[key]:
                    takers[key].append(point.name)
    lines = [_PARAMETERS_HEAD]
    # What changes no result comes last: the configuration of the options is the first of every command.
    for topic in [topic for topic in fields if topic != Settings.topic] + [Settings.topic]:
        # A parameter may have the name of a topic; links by name lead to the parameter.
        lines += [f"## {topic} {{#topic-{topic.lower()}}}", ""]
        for key, field in fields.get(topic, {}).items():
            lines += [_parameter(key[0], field, _commands(takers[key], names)), ""]
    return "\n".join(lines)


def _commands(takers: Sequence[str], names: Sequence[str]) -> str:
    others = [name for name in names if name not in takers]
    if len(takers) <= len(others):
        return ", ".join(takers)
    return f"every command but {', '.join(others)}" if others else "every command"


def _command(point: EntryPoint) -> str:
    rows = [_row(name, field) for name, field in by_topic(point).get(ESSENTIALS, {}).items()]
    table = ["| parameter | takes | default | |", "|---|---|---|---|", *rows] if rows else []
    examples = [f"python -m lds_mlflow {point.name} {example}".rstrip() for example in point.examples]
    return "\n".join([f"## {point.name}", "", point.help_text, "", "```sh", *examples, "```", "", *table, ""])


def _row(name: str, field: FieldInfo) -> str:
    description = _escaped(str(field.description)).replace("|", r"\|")
    return f"| `{name}` | {_takes(field)} | {_default(field)} | {description} |"


def _parameter(name: str, field: FieldInfo, commands: str) -> str:
    choices = [f"- `{choice}`: {_escaped(phrase)}" for choice, phrase in choices_of(field).items() if phrase]
    lines = [f"### {name}", "", _escaped(str(field.description)), ""]
    lines += [*choices, ""] if choices else []
    return "\n".join([*lines, f"Takes {_takes(field)}. Default: {_default(field)}. Taken by: {commands}."])


def _takes(field: FieldInfo) -> str:
    limits = range_of(field)
    return f"`{kind_of(field)}`{f' {limits}' if limits else ''}"


def _default(field: FieldInfo) -> str:
    text = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{text}`" if text else "empty"


def _escaped(text: str) -> str:
    return escape(text, quote=False).replace("*", r"\*").replace("_", r"\_")
