"""The errors of the project: each says what is wrong, what was found, what was expected, and what to do about it."""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any, Self

__all__ = [
    "ArtifactError",
    "ConfigError",
    "DamageError",
    "DataError",
    "DiskFullError",
    "FileAccessError",
    "GoneError",
    "Interrupted",
    "LdsError",
    "ProtocolError",
    "SelectionError",
    "TrackingError",
    "TrainingError",
    "WorkerError",
    "cut_short",
    "first_line",
    "names_a_secret",
    "quoted",
    "without_passwords",
]

_USER = r"://[^:/\s@\[]*"
_NO_PORT = r"""(?!\d+(?:\s|[,;.)'"](?![^\s@]*@)|$"""
_WEB_PASSWORD = re.compile(rf"(\bhttps?{_USER}):{_NO_PORT}|[/?#]))[^@\n]{{0,2000}}@(?:[^\s/@]*@)*", re.I)
"""As urllib reads addresses, except that a password may contain what should be escaped in it: a slash, blank or @."""

_PASSWORD = re.compile(
    rf"((?<![\w+.-])(?!https?:)[\w+.-]{{1,40}}{_USER}):{_NO_PORT}|[/?#][^@\s]*(?:\s|$)))[^@\n]{{0,2000}}@(?:\S*@)?",
    re.I,
)
"""As SQLAlchemy reads addresses: a password may contain a slash, which follows the port of any other address."""

_WEB_TOKEN = re.compile(r"(\bhttps?://)[^:/?#\s@]+@", re.I)
"""A user without a password is a token for websites; for databases, whose passwords lie elsewhere, it is a name."""

_HIDDEN = (
    r"(?:[\w.%-]*(?:passw(?:or)?d|pwd|passphrase|secret|token|signature|credential|(?:api|account)[_-]?key)[\w.%-]*"
    r"|sig)"
)
_NAMED = re.compile(rf"((?:^|[?&;#\s'\"])(?:{_HIDDEN}|odbc_connect)=)[^&\s]+", re.I)

_LONGEST, _LONGEST_VALUE, _MOST_VALUES = 1_000, 60, 10


def cut_short(text: str, longest: int = _LONGEST) -> str:
    """Returns a text, or the beginning and the end of one that is too long to be read."""
    if len(text) <= longest:
        return text
    mark = f" ... ({len(text):,} characters)"
    end = longest // 4
    return f"{text[: longest - len(mark) - end - 1]} ... {text[-end:]}{mark[4:]}"


def quoted(values: Iterable[str]) -> str:
    """Returns values in a phrase: the first ten, each cut short, and how many more there are."""
    values = list(values)
    more = f" and {len(values) - _MOST_VALUES:,} more" if len(values) > _MOST_VALUES else ""
    return ", ".join(cut_short(value, _LONGEST_VALUE) for value in values[:_MOST_VALUES]) + more


def without_passwords(text: str) -> str:
    """Returns a text in which passwords, tokens and signatures of addresses are masked: NAME://USER:***@HOST?sig=***."""
    for pattern in (_WEB_PASSWORD, _PASSWORD):
        text = pattern.sub(r"\1:***@", text)
    return _NAMED.sub(r"\1***", _WEB_TOKEN.sub(r"\1***@", text))


def names_a_secret(name: str) -> bool:
    """Says whether a parameter of an address is, by its name, a password, token or signature."""
    return re.fullmatch(_HIDDEN, name, re.I) is not None


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's message, without passwords, or the type of an error without a message."""
    return _shown(next(iter(str(error).splitlines()), "") or type(error).__name__)


def _shown(text: str) -> str:
    # In this order: half an address would hide that it has a password.
    return cut_short(without_passwords(text))


class LdsError(Exception):
    """Base class of the errors that a user can cause or correct; it masks passwords and cuts long values short.

    Args:
        what: The parameter, file or other thing that is wrong, as the user named it.
        found: What was found there.
        expected: What should have been there.
        remedy: What the user can do about it, as an imperative sentence.
    """

    def __init__(self, what: str, *, found: str, expected: str, remedy: str) -> None:
        self.what, self.found, self.expected, self.remedy = map(_shown, (what, found, expected, remedy))
        super().__init__(self._message())

    def _message(self) -> str:
        lines = self.found.strip("\n")
        if lines != self.found or "\n" in lines:
            return f"{self.what}: expected {self.expected}. Found:\n{lines}\n{self.remedy}"
        return f"{self.what}: found {self.found}; expected {self.expected}. {self.remedy}"

    @classmethod
    def because(cls, error: BaseException, what: str, *, expected: str, remedy: str) -> Self:
        """Returns an error whose `found` is the message of another error."""
        return cls(what, found=first_line(error), expected=expected, remedy=remedy)

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors are pickled when they pass from one process to another.
        return partial(type(self), found=self.found, expected=self.expected, remedy=self.remedy), (self.what,)


class ConfigError(LdsError):
    """A parameter has a value that can't be used."""


class DataError(LdsError):
    """The images or labels that a user has given can't be used."""


class ArtifactError(LdsError):
    """A stored artifact is missing, damaged, or of another type than expected."""


class DamageError(ArtifactError):
    """A stored value is no longer what was stored."""


class GoneError(ArtifactError):
    """What a finished run stored is no longer there, or no longer what was stored.

    Args:
        what: What is wrong.
        found: What was found there.
        expected: What should have been there.
        remedy: What the user can do about it.
        run_id: The run.
    """

    def __init__(self, what: str, *, found: str, expected: str, remedy: str, run_id: str = "") -> None:
        self.run_id = run_id
        super().__init__(what, found=found, expected=expected, remedy=remedy)

    @classmethod
    def of(cls, run_id: str, what: str, *, found: str) -> Self:
        """Returns the error of something that a run has stored."""
        remedy = "Restore it, or give auto in place of the run, which makes again what is gone."
        return cls(what, found=found, expected="what the run has stored", remedy=remedy, run_id=run_id)

    def __reduce__(self) -> tuple[Any, ...]:
        make, what = super().__reduce__()
        return partial(make, run_id=self.run_id), what


class ProtocolError(LdsError):
    """A step that fits or chooses tried to read the data that it will be judged by."""


class SelectionError(LdsError):
    """The selection rule selects no candidate, so there is no augmentation set."""


class TrainingError(LdsError):
    """Training can't continue."""


class TrackingError(LdsError):
    """The tracking server or one of its runs can't be used."""


class WorkerError(LdsError):
    """A process that shared the work of a command has ended too early."""


class DiskFullError(LdsError):
    """A file doesn't fit on the disk."""


class FileAccessError(LdsError):
    """A file or folder can't be read or written."""

    @classmethod
    def of(cls, error: OSError) -> Self:
        """Returns the error of a file or folder that the operating system has named."""
        return cls(
            str(error.filename),
            found=f"{error.strerror}",
            expected="a file or folder that this command may read, or may write where it writes",
            remedy="Change its permissions, correct the path, or give another one.",
        )


class Interrupted(BaseException):
    """The process was asked to stop by SIGINT or SIGTERM. Like KeyboardInterrupt, this is not an error."""

    def __init__(self, signum: int) -> None:
        self.signum = signum
        super().__init__(f"stopped by signal {signum}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.signum,)
