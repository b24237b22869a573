"""The errors of the project. Every message says what, found what, expected what, and how to mend it."""

import re
from functools import partial
from typing import Any, Self

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DataError",
    "DiskFullError",
    "Interrupted",
    "LdsError",
    "ProtocolError",
    "SelectionError",
    "TrackingError",
    "TrainingError",
    "WorkerError",
    "first_line",
    "without_passwords",
]

_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


def without_passwords(text: str) -> str:
    """Returns a text with the passwords in its addresses masked: NAME://USER:***@HOST."""
    return _PASSWORD.sub(r"\1:***@", text)


def first_line(error: BaseException) -> str:
    """Returns what an error says in one line, without passwords; its kind, where it says nothing."""
    return without_passwords(next(iter(str(error).splitlines()), "") or type(error).__name__)


class LdsError(Exception):
    """Base of every error that a user can cause or mend. Passwords in addresses are masked.

    Args:
        what: The thing that is wrong, as the user named it.
        found: What was there.
        expected: The rule that it breaks.
        remedy: What to do about it, as an imperative sentence.
    """

    def __init__(self, what: str, *, found: str, expected: str, remedy: str) -> None:
        self.what, self.found, self.expected, self.remedy = map(without_passwords, (what, found, expected, remedy))
        super().__init__(f"{self.what}: found {self.found}; expected {self.expected}. {self.remedy}")

    @classmethod
    def because(cls, error: BaseException, what: str, *, expected: str, remedy: str) -> Self:
        """Returns an error whose `found` is what another says."""
        return cls(what, found=first_line(error), expected=expected, remedy=remedy)

    def __reduce__(self) -> tuple[Any, ...]:
        # From one process to another.
        return partial(type(self), found=self.found, expected=self.expected, remedy=self.remedy), (self.what,)


class ConfigError(LdsError):
    """A parameter has a value that can't be used."""


class DataError(LdsError):
    """The images or labels that a user points at can't be used."""


class ArtifactError(LdsError):
    """A stored artifact is missing, damaged, or of another kind."""


class ProtocolError(LdsError):
    """Something that fits or chooses reached for what it is to be judged on."""


class SelectionError(LdsError):
    """The selection rule leaves no augmentation set."""


class TrainingError(LdsError):
    """Training can't go on."""


class TrackingError(LdsError):
    """The tracking server or one of its runs can't be used."""


class WorkerError(LdsError):
    """A process that shared a command's work is gone."""


class DiskFullError(LdsError):
    """A file doesn't fit on the disk."""


class Interrupted(BaseException):
    """The process was asked to stop, by SIGINT or SIGTERM. Like KeyboardInterrupt it is no error."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(f"stopped by signal {signum}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.signum,)
