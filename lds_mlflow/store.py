"""Values on disk: a safetensors file for the tensors, a JSON manifest for the rest, and digests that are checked.

A stored value is a folder: `tensors.safetensors` and `manifest.json`. It is there whole or not at all.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lds_mlflow.errors import ArtifactError, DamageError, first_line
from lds_mlflow.machine.files import digest_of_bytes, digest_of_file, require_free_space, write_atomically

__all__ = ["digest_in", "load_value", "save_value"]

_TENSORS = "tensors.safetensors"
_MANIFEST = "manifest.json"
_ENTRIES = {"format", "kind", "digest", "tensors_sha256", "fields"}
_FORMAT = 1
_HEADROOM = 2**20
_REMEDY = "Restore the artifact, or run the command with reuse=false to make it again."

T = TypeVar("T")


def save_value(value: Any, folder: Path) -> str:
    """Writes a value (a dataclass of values.py) to a folder, replacing what is there.

    Returns:
        The digest of its content, SHA-256.

    Raises:
        DiskFullError: There is no room; what was there is as it was.
    """
    tensors = _tensors_of(value)
    folder.parent.mkdir(parents=True, exist_ok=True)
    require_free_space(folder.parent, sum(tensor.nbytes for tensor in tensors.values()) + _HEADROOM)
    digest = ""

    def write(partial: Path) -> None:
        nonlocal digest
        partial.mkdir()
        save_file(_apart(tensors), partial / _TENSORS)
        tensors_digest = digest_of_file(partial / _TENSORS)
        plain = to_jsonable_python(_plain_fields_of(value))
        digest = _digest(tensors_digest, plain)
        manifest = {
            "format": _FORMAT,
            "kind": type(value).__name__,
            "digest": digest,
            "tensors_sha256": tensors_digest,
            "fields": plain,
        }
        (partial / _MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")

    write_atomically(folder, write)
    return digest


def load_value(kind: type[T], folder: Path) -> T:
    """Reads a value of a kind from a folder.

    Raises:
        DamageError: It is missing, or its content doesn't have the digest of its manifest.
        ArtifactError: It is of another kind or format.
    """
    manifest = _read_manifest(kind, folder)
    tensors_digest = digest_of_file(folder / _TENSORS)
    if tensors_digest != manifest["tensors_sha256"] or manifest["digest"] != _digest(
        tensors_digest, manifest["fields"]
    ):
        raise _broken(folder, "content with another digest than its manifest states", "the content that was stored")
    try:
        content = manifest["fields"] | _nested(load_file(folder / _TENSORS))
        return TypeAdapter(kind).validate_python(content)
    except (SafetensorError, ValidationError) as error:
        raise _broken(folder, first_line(error), f"the fields of {kind.__name__}") from error


def digest_in(folder: Path) -> str:
    """Returns the digest of the value in a folder, as its manifest states it; `load_value` checks that it has it.

    Raises:
        DamageError: There is no value, or no manifest that can be read.
    """
    return str(_manifest_in(folder)["digest"])


def _read_manifest(kind: type[T], folder: Path) -> dict[str, Any]:
    manifest = _manifest_in(folder)
    if (manifest["kind"], manifest["format"]) != (kind.__name__, _FORMAT):
        raise ArtifactError(
            f"artifact {folder.name} in {folder.parent}",
            found=f"a {manifest['kind']} of format {manifest['format']}",
            expected=f"a {kind.__name__} of format {_FORMAT}",
            remedy=_REMEDY,
        )
    return manifest


def _manifest_in(folder: Path) -> dict[str, Any]:
    if not (folder / _MANIFEST).is_file() or not (folder / _TENSORS).is_file():
        raise _broken(folder, "no stored value", f"the files {_MANIFEST} and {_TENSORS}")
    try:
        manifest = dict(json.loads((folder / _MANIFEST).read_text()))
        if not manifest.keys() >= _ENTRIES:
            raise KeyError(*(_ENTRIES - manifest.keys()))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _broken(
            folder, "a manifest that can't be read", f"JSON with the keys {', '.join(sorted(_ENTRIES))}"
        ) from error
    return manifest


def _tensors_of(value: Any) -> dict[str, torch.Tensor]:
    flat: dict[str, torch.Tensor] = {}
    for field in fields(value):
        content = getattr(value, field.name)
        if torch.is_tensor(content):
            flat[field.name] = content
        elif _holds_tensors(content):
            flat |= {f"{field.name}/{key}": tensor for key, tensor in content.items()}
    return flat


def _apart(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    # safetensors refuses tensors that share memory.
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        apart[name] = tensor.clone(memory_format=torch.contiguous_format) if place in seen else tensor.contiguous()
        seen.add(place)
    return apart


def _plain_fields_of(value: Any) -> dict[str, Any]:
    contents = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        name: content
        for name, content in contents.items()
        if not torch.is_tensor(content) and not _holds_tensors(content)
    }


def _holds_tensors(content: object) -> bool:
    return isinstance(content, dict) and any(torch.is_tensor(item) for item in content.values())


def _nested(flat: dict[str, torch.Tensor]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for name, tensor in flat.items():
        field, slash, key = name.partition("/")
        if slash:
            nested.setdefault(field, {})[key] = tensor
        else:
            nested[name] = tensor
    return nested


def _digest(tensors_digest: str, plain: dict[str, Any]) -> str:
    return digest_of_bytes(tensors_digest.encode(), json.dumps(plain, sort_keys=True).encode())


def _broken(folder: Path, found: str, expected: str) -> DamageError:
    return DamageError(f"artifact {folder.name} in {folder.parent}", found=found, expected=expected, remedy=_REMEDY)
