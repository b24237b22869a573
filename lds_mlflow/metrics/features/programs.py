"""Any network as an extractor: a program that a user names. `lds_mlflow.models.programs` says how it is opened."""

from pathlib import Path

import torch
from torch import Tensor

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.files import digest_of_bytes
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models.pretrained import in_short, three_channels
from lds_mlflow.models.programs import open_program

__all__ = ["ProgramExtractor"]

_BATCH = 32
_TOLERANCE = 1e-2
_CONTRACT = "a program that maps float32 RGB images [B, 3, H, W] in 0..1 to features [B, F], for any B"


class ProgramExtractor:
    """What a program makes of images: float32 RGB [B, 3, H, W] in 0..1 -> features [B, F].

    Any further normalisation is the program's. TorchScript is put into evaluation mode; an exported program is in the
    mode in which it was exported.

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
            self._program, rows = open_program(content, device)
            if rows is not None and rows[0] == rows[1]:
                raise ValueError(f"a program for batches of exactly {rows[0]}")
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
