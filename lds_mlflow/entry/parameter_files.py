"""Files of parameters: YAML, with a value for each name."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import yaml
from pydantic.fields import FieldInfo

from lds_mlflow.config import kind_of, range_of
from lds_mlflow.errors import ConfigError
from lds_mlflow.machine.plain_yaml import plain

__all__ = ["read_parameters", "written_parameters"]

_SHOWN = 300


def read_parameters(path: Path, taken: Collection[str], of_others: Collection[str]) -> dict[str, str]:
    """Returns the values of a file by their names, as text. One file may serve several commands.

    Args:
        path: The file.
        taken: The parameters that the command takes.
        of_others: The parameters that other commands take; those in the file are left out.

    Raises:
        ConfigError: The file can't be read, or is no mapping of names to single values.
    """
    try:
        # Each value stays the text that it is in the file; the configurations know what it should be.
        loader = yaml.BaseLoader(plain(path.read_text(encoding="utf-8")))
        node = loader.get_single_node()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _refused(path, " ".join(str(error).split())[:_SHOWN]) from error
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise _refused(path, "something else than names with values")
    names = [str(key.value) for key, _ in node.value]
    if len(set(names)) < len(names):
        raise _refused(path, f"{next(name for name in names if names.count(name) > 1)} more than once")
    nested = [
        name for name, (_, value) in zip(names, node.value, strict=True) if not isinstance(value, yaml.ScalarNode)
    ]
    if nested:
        raise _refused(path, f"{nested[0]} with several values")
    found = {name: str(value.value) for name, (_, value) in zip(names, node.value, strict=True)}
    if "config" in found:
        raise _refused(path, "config, which would name another file")
    return {name: value for name, value in found.items() if name in taken or name not in of_others}


def _refused(path: Path, found: str) -> ConfigError:
    return ConfigError(
        f"the file of parameters {path}",
        found=found,
        expected="YAML with one value for each name, such as resolution: 64",
        remedy="--print-config writes such a file.",
    )


def written_parameters(headings: Mapping[str, Mapping[str, FieldInfo]], given: Mapping[str, str], command: str) -> str:
    """Returns a file of all parameters of a command: those that were given, and as comments the others' defaults.

    Args:
        headings: Topics, each with its parameters by name.
        given: The values that were given.
        command: The name of the command.
    """
    lines = [f"# Parameters of {command}. A flag on the command line counts before a value in this file."]
    for heading, parameters in headings.items():
        lines += ["", f"# {heading}"]
        for name, field in parameters.items():
            if name == "config":
                continue
            value = given.get(name, str(field.default).lower() if isinstance(field.default, bool) else field.default)
            note = "; ".join(part for part in (kind_of(field), range_of(field)) if part)
            lines.append(f"{'' if name in given else '# '}{name}: {_scalar(str(value))}  # {note}")
    return "\n".join(lines)


def _scalar(text: str) -> str:
    plain = yaml.safe_dump(text, width=float("inf"), allow_unicode=True).strip().removesuffix("\n...").strip()
    # What quotes are only for, a type, is not told from the file.
    bare = plain[1:-1] if plain[:1] == plain[-1:] == "'" else plain
    return bare if re.fullmatch(r"(?!@)[\w./:@+-]*\w", bare) else plain
