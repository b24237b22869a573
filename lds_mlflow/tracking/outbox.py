"""The outbox: calls that an unreachable tracking server has not received, kept on the disk in order until delivery."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copy2, copytree, rmtree
from threading import Lock
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.files import write_atomically

__all__ = ["Entry", "Outbox", "batch", "ending", "files", "inputs"]

_ENTRY, _FILES, _SERVER, _LOCK = "entry.json", "files", "server.txt", "lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of MLflow's client that writes to a run. Sending it twice has the same effect as sending it once.

    Args:
        call: Name of the client's method.
        run_id: Id of the run.
        values: The other arguments, in a form that JSON can store.
        source: The file or folder that the call logs, or None.
    """

    call: str
    run_id: str
    values: Mapping[str, Any]
    source: Path | None = None

    def send(self, client: MlflowClient) -> None:
        """Makes the call."""
        _CALLS[self.call](client, self)


def batch(run_id: str, metrics: Any, params: Any, run_tags: Any) -> Entry:
    """Returns the entry of `log_batch`."""
    values = {
        "metrics": [[metric.key, metric.value, metric.timestamp, metric.step] for metric in metrics],
        "params": [[param.key, param.value] for param in params],
        "tags": [[tag.key, tag.value] for tag in run_tags],
    }
    return Entry("log_batch", run_id, values)


def files(run_id: str, source: Path, artifact_path: str | None) -> Entry:
    """Returns the entry of `log_artifact` for a file, or of `log_artifacts` for what a folder contains."""
    call = "log_artifacts" if source.is_dir() else "log_artifact"
    return Entry(call, run_id, {"artifact_path": artifact_path}, source)


def inputs(run_id: str, datasets: list[DatasetInput]) -> Entry:
    """Returns the entry of `log_inputs`."""
    found = [[dict(given.dataset), [[tag.key, tag.value] for tag in given.tags]] for given in datasets]
    return Entry("log_inputs", run_id, {"datasets": found})


def ending(run_id: str, status: str, end_time: int) -> Entry:
    """Returns the entry of `set_terminated`; end_time in milliseconds since 1970."""
    return Entry("set_terminated", run_id, {"status": status, "end_time": end_time})


def _send_batch(client: MlflowClient, entry: Entry) -> None:
    metrics, params, run_tags = entry.values["metrics"], entry.values["params"], entry.values["tags"]
    client.log_batch(
        entry.run_id,
        metrics=[Metric(*metric) for metric in metrics],
        params=[Param(*param) for param in params],
        tags=[RunTag(*tag) for tag in run_tags],
    )


def _send_inputs(client: MlflowClient, entry: Entry) -> None:
    datasets = [
        DatasetInput(Dataset(**dataset), [InputTag(*tag) for tag in tags]) for dataset, tags in entry.values["datasets"]
    ]
    client.log_inputs(entry.run_id, datasets)


_CALLS: dict[str, Callable[[MlflowClient, Entry], object]] = {
    "log_batch": _send_batch,
    "log_inputs": _send_inputs,
    "log_artifact": lambda client, entry: client.log_artifact(entry.run_id, str(entry.source), **entry.values),
    "log_artifacts": lambda client, entry: client.log_artifacts(entry.run_id, str(entry.source), **entry.values),
    "set_terminated": lambda client, entry: client.set_terminated(entry.run_id, **entry.values),
}


class Outbox:
    """The entries of one process, in order. While the process runs, no other process delivers them.

    Args:
        folder: Folder of the entries; it is made with the first entry, and removed with the last.
        server: Address of the server that the entries are for.
    """

    def __init__(self, folder: Path, server: str) -> None:
        self.folder, self.server = folder, server
        self._lock = FileLock(folder / _LOCK, thread_local=False)
        self._turn = Lock()
        self._last = max((int(path.name) for path in self._entries()), default=0)

    @classmethod
    def new(cls, root: Path, server: str) -> "Outbox":
        """Returns an empty outbox."""
        return cls(root / uuid4().hex, server)

    @classmethod
    def left_behind(cls, root: Path) -> list["Outbox"]:
        """Returns the outboxes of processes that have ended; this process now owns them."""
        found = []
        for folder in sorted(path.parent for path in root.glob(f"*/{_SERVER}")):
            # A process that is not gone holds the lock, or has just removed the folder.
            with suppress(Timeout, FileNotFoundError):
                outbox = cls(folder, (folder / _SERVER).read_text(encoding="utf-8"))
                outbox._lock.acquire(timeout=0)
                found.append(outbox)
        return found

    def __len__(self) -> int:
        return len(self._entries())

    def put(self, entry: Entry) -> None:
        """Writes an entry, with copies of its files, to the disk.

        Raises:
            DiskFullError: The disk has too little free space.
        """
        with self._turn:
            if not self._lock.is_locked:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
                (self.folder / _SERVER).write_text(self.server, encoding="utf-8")
            write_atomically(self.folder / f"{self._last + 1:08d}", lambda path: _write(entry, path))
            self._last += 1

    def deliver(self, client: MlflowClient) -> int:
        """Sends the entries in order, and removes each that the server has received. Returns their number.

        Raises:
            Exception: The error of the first entry that was not received; it and the entries after it are kept.
            ArtifactError: An entry is damaged.
        """
        n = 0
        while path := self._next():
            _read(path).send(client)
            rmtree(path)
            n += 1
        return n

    def _next(self) -> Path | None:
        """Returns the first entry; where there is none, removes the folder and returns None."""
        # In turns with `put`, whose entry must not be removed with the folder.
        with self._turn:
            first = next(iter(self._entries()), None)
            if first is None and self._lock.is_locked:
                rmtree(self.folder, ignore_errors=True)
                self._lock.release()
            return first

    def release(self) -> None:
        """Gives up the entries, so that other processes may deliver them."""
        self._lock.release()

    def _entries(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("*") if path.name.isdecimal())


def _write(entry: Entry, folder: Path) -> None:
    folder.mkdir()
    content = {"call": entry.call, "run_id": entry.run_id, "values": dict(entry.values)}
    if entry.source is not None:
        content["file"] = entry.source.name
        copy = copytree if entry.source.is_dir() else copy2
        (folder / _FILES).mkdir()
        copy(entry.source, folder / _FILES / entry.source.name)
    (folder / _ENTRY).write_text(json.dumps(content), encoding="utf-8")


def _read(folder: Path) -> Entry:
    try:
        content = json.loads((folder / _ENTRY).read_bytes())
        source = folder / _FILES / Path(content["file"]).name if "file" in content else None
        if content["call"] in _CALLS:
            return Entry(content["call"], content["run_id"], content["values"], source)
        found = f"a call named {content['call']}"
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        found = f"{type(error).__name__}: {error}"
    raise ArtifactError(
        f"entry {folder}",
        found=found,
        expected="a call to be delivered to a tracking server",
        remedy="Remove the folder if you don't need this entry; the entries after it can then be delivered.",
    )
