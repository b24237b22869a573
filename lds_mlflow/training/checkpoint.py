"""The state of an unfinished fit on disk: whole or not at all, and bound to the plan that it belongs to."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.files import write_atomically

__all__ = ["Checkpoint", "CheckpointFile", "History"]

History = list[tuple[int, dict[str, float]]]
"""Figures by name, with the step that they were measured at."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Everything that the remaining steps depend on.

    Attributes:
        step: Steps done.
        model: State of the network.
        stepper: State of the optimizer, of the moving average, and of the adversary if there is one.
        history: The figures so far.
        run_id: The tracked run that wrote it, or "".
    """

    step: int
    model: dict[str, Any]
    stepper: dict[str, Any]
    history: History
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """Where one fit keeps its checkpoint.

    Attributes:
        path: The file.
        owner: What identifies the fit (a fingerprint of its data, plan and code); a checkpoint of another is refused.
        run_id: The tracked run that writes it, or "".
    """

    path: Path
    owner: str
    run_id: str = ""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the file; an interruption leaves the old one.

        Raises:
            DiskFullError: There is no room; the old file is as it was.
        """
        fields = {name: getattr(checkpoint, name) for name in checkpoint.__slots__} | {"run_id": self.run_id}

        def write(partial: Path) -> None:
            # Through Python's file, whose errors say what they are.
            with partial.open("wb") as file:
                torch.save({"owner": self.owner, **fields}, file)

        write_atomically(self.path, write)

    def load(self) -> Checkpoint | None:
        """Returns the checkpoint, or None where there is none.

        Raises:
            ArtifactError: The file is damaged, or belongs to another fit.
        """
        if not self.path.is_file():
            return None
        try:
            owner, checkpoint = _read(self.path)
        # A damaged file fails in torch in too many ways to name.
        except Exception as error:
            raise ArtifactError(
                f"checkpoint {self.path}",
                found=f"a file that can't be read ({type(error).__name__})",
                expected="an undamaged checkpoint",
                remedy="Remove the file to start this step from its beginning.",
            ) from error
        if owner != self.owner:
            raise ArtifactError(
                f"checkpoint {self.path}",
                found=f"a checkpoint of the fit {owner[:12]}",
                expected=f"a checkpoint of the fit {self.owner[:12]}",
                remedy="Remove the file to start this step from its beginning.",
            )
        return checkpoint

    def remove(self) -> None:
        """Removes the file, if there is one."""
        self.path.unlink(missing_ok=True)


def _read(path: Path) -> tuple[str, Checkpoint]:
    with zipfile.ZipFile(path) as archive:
        # torch doesn't look at the check sums that it writes.
        damaged = archive.testzip()
    if damaged:
        raise ValueError(f"{damaged} is damaged")
    content = torch.load(path, map_location="cpu", weights_only=True)
    return content.pop("owner"), Checkpoint(**content)
