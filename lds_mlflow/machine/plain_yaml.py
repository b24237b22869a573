"""YAML that people write by hand: values, lists and mappings a few levels deep.

A few lines with aliases of aliases stand for more values than any memory holds, and thousands of nested brackets
end the parser; both are errors of the file.
"""

from typing import Any

import yaml

__all__ = ["AsTexts", "AsValues"]

_DEEPEST = 20


class _Plain:
    """What is added to one of yaml's loaders, which are told from what they are mixed with."""

    _depth = 0

    def compose_node(self: Any, parent: Any, index: Any) -> Any:
        """Reads a value; raises yaml.YAMLError where it is an alias, or lies too deep."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem=f"the alias *{event.anchor}", problem_mark=event.start_mark)
        if self._depth == _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"more than {_DEEPEST} levels of nesting", problem_mark=event.start_mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


class AsTexts(_Plain, yaml.BaseLoader):
    """Reads every single value as the text that it is in the file."""


class AsValues(_Plain, yaml.SafeLoader):
    """Reads values as YAML does: numbers, booleans, texts."""
