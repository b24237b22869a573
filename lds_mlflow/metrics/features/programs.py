"""Any network as an extractor: a program that a user names.

A program is code, and runs with the rights of whoever evaluates. TorchScript runs in torch's own interpreter, which can
read and write files. An exported program can do whatever Python can: torch executes its guards as Python, and looks its
operators up by name. So name programs of people whom you trust. Nothing is unpickled: a program that holds pickled
objects, which have no place in one, is refused.
"""

import io
import os
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.passes import move_to_device_pass

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models.pretrained import in_short, three_channels

__all__ = ["ProgramExtractor"]

_BATCH = 32
_TOLERANCE = 1e-2
_PICKLES = ("/constants/custom_obj_", "/constants/opaque_obj_")
_TENSORS_ALONE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_CONTRACT = "a program that maps float32 RGB images [B, 3, H, W] in 0..1 to features [B, F], for any B"


class ProgramExtractor:
    """What a program makes of images: float32 RGB [B, 3, H, W] in 0..1 -> features [B, F].

    Any further normalisation is the program's. TorchScript is put into evaluation mode; an exported program is in the
    mode in which it was exported. It runs with the rights of this process (see the module).

    Args:
        path: TorchScript (.pt, .ts) or an exported program (.pt2).
        device: Where to compute.
        side: Pixels of a side of the images that the program is given; 0 for the images as they are.

    Raises:
        ArtifactError: The file is missing, is no program, holds pickled objects, or takes batches of one size only.
    """

    def __init__(self, path: Path, device: str = "cpu", side: int = 0) -> None:
        self.path, self.device, self.side = path, device, side
        try:
            content = path.read_bytes()
            self._program = _exported(content, device) if path.suffix == ".pt2" else _torchscript(content, device)
        except Exception as error:
            raise self._refusal(
                in_short(error),
                expected="TorchScript (.pt, .ts) or an exported program (.pt2) that takes batches of any size",
                remedy="Save one by torch.jit.save, or by torch.export.save with a dynamic batch dimension.",
            ) from error
        self.name = f"program-{digest_of_bytes(content, str(side).encode())[:8]}"
        self.resize = describe_resize(side)

    @torch.inference_mode()
    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels.

        Raises:
            ArtifactError: The program fails, gives no features [B, F], or not the same in every batch.
        """
        features_NF = in_batches(self._features, images_NCHW, _BATCH, "program features", device=self.device).float()
        first, alone = features_NF[:1], self._features(images_NCHW[:1].to(self.device)).float().cpu()
        if (alone - first).norm() > _TOLERANCE * first.norm():
            raise self._refusal(
                "other features for an image alone than among others",
                expected="features that depend on the image alone, neither on its batch nor on chance",
                remedy="Call eval() on the network before you export it.",
            )
        return features_NF

    def _features(self, images_NCHW: Tensor) -> Tensor:
        x = three_channels(resize_images(images_NCHW, self.side)).float() / 255
        try:
            found = self._program(x)
        except Exception as error:
            raise self._refusal(
                f"for images {list(x.shape)} the error: {in_short(error)}",
                expected=_CONTRACT,
                remedy="Export it with a dynamic batch dimension, and give the side in pixels that it takes.",
            ) from error
        if not isinstance(found, Tensor) or found.ndim != 2 or len(found) != len(x):
            shape = list(found.shape) if isinstance(found, Tensor) else f"a {type(found).__name__}"
            raise self._refusal(
                f"{shape} for images {list(x.shape)}",
                expected=_CONTRACT,
                remedy="Let it return one row an image: pool over space, or flatten.",
            )
        return found

    def _refusal(self, found: str, *, expected: str, remedy: str) -> ArtifactError:
        return ArtifactError(f"program {self.path}", found=found, expected=expected, remedy=remedy)


def _torchscript(content: bytes, device: str) -> Callable[[Tensor], object]:
    # Its unpickler is torch's own, in C++, and makes nothing but TorchScript's types.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; the programs that there are remain.
        program: Callable[[Tensor], object] = torch.jit.load(io.BytesIO(content), map_location=device).eval()
    return program


def _exported(content: bytes, device: str) -> Callable[[Tensor], object]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        pickles = [name for name in archive.namelist() if any(pickle in name.lower() for pickle in _PICKLES)]
    if pickles:
        raise ValueError(f"objects other than tensors ({', '.join(pickles)})")
    with _tensors_alone():
        program = torch.export.load(io.BytesIO(content))
    batch = _batch_of(program)
    if isinstance(batch, int):
        raise ValueError(f"a program for batches of exactly {batch}")
    return move_to_device_pass(program, device).module()


@contextmanager
def _tensors_alone() -> Iterator[None]:
    # torch.export.load unpickles whatever it finds; torch.load heeds this variable above what its caller asks for.
    before = os.environ.get(_TENSORS_ALONE)
    os.environ[_TENSORS_ALONE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_TENSORS_ALONE]
        else:
            os.environ[_TENSORS_ALONE] = before


def _batch_of(program: ExportedProgram) -> int | torch.SymInt:
    inputs = program.graph_signature.user_inputs
    images = next(node for node in program.graph.find_nodes(op="placeholder") if node.name in inputs)
    size: int | torch.SymInt = images.meta["val"].shape[0]
    return size
