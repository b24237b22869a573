"""YAML that people write by hand: values, lists and mappings a few levels deep.

A few lines with aliases of aliases stand for more values than any memory holds, and thousands of nested brackets
end the parser; both are errors of the file.
"""

import yaml

__all__ = ["plain"]

_DEEPEST = 20
_BEGINNINGS = yaml.MappingStartEvent | yaml.SequenceStartEvent
_ENDS = yaml.MappingEndEvent | yaml.SequenceEndEvent


def plain(text: str) -> str:
    """Returns a text in YAML.

    Raises:
        yaml.YAMLError: It is no YAML, has an alias, or is nested too deeply.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"the alias *{event.anchor} {event.start_mark}")
        depth += isinstance(event, _BEGINNINGS) - isinstance(event, _ENDS)
        if depth > _DEEPEST:
            raise yaml.YAMLError(f"more than {_DEEPEST} levels of nesting {event.start_mark}")
    return text
