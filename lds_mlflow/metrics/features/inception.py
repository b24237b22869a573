"""Inception v3 as an extractor, by torch-fidelity: the features that the FID is defined by."""

import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models.pretrained import in_short, read_tensors, three_channels
from lds_mlflow.values import ModelWeights

__all__ = ["InceptionExtractor"]

_BATCH = 32
_LAYER = "2048"
_SIDE = 299


class InceptionExtractor(nn.Module):
    """Inception v3 as the FID has it, by torch-fidelity: its 2,048 pooled features.

    Args:
        weights: A file of torch-fidelity's weights (.pth or .safetensors), or None to download them.
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The weights can't be had, or don't fit.
    """

    resize = describe_resize(_SIDE)

    def __init__(self, weights: Path | None, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        super().__init__()
        self.ranks = ranks
        try:
            self.model = _inception(weights).to(device)
        except (OSError, RuntimeError, SafetensorError, ValueError) as error:
            raise ArtifactError(
                "Inception weights",
                found=f"{weights or 'no local file'}: {in_short(error)}",
                expected="torch-fidelity's Inception v3 weights, from a file or its download",
                remedy="Give feature_weights=PATH, or features=classifier, which needs no download.",
            ) from error
        state = self.model.state_dict()
        self.name = f"inception-v3-{ModelWeights({}, {name: x.cpu() for name, x in state.items()}).digest[:8]}"

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Maps a batch to its features."""
        # The network's own resize isn't antialiased; of images that have its side it changes nothing.
        resized = resize_images(images_BCHW, _SIDE)
        features: Tensor = self.model(three_channels(resized))[0]
        return features.float()

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        device = next(self.model.parameters()).device
        return in_batches(self, images_NCHW, _BATCH, "Inception features", device=device, ranks=self.ranks)


def _inception(weights: Path | None) -> FeatureExtractorInceptionV3:
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if weights is not None:
            # torch-fidelity unpickles whatever it is given; it gets a copy that holds tensors alone.
            path = str(Path(folder) / "inception.pth")
            torch.save(read_tensors(weights), path)
        return FeatureExtractorInceptionV3("inception-v3-compat", [_LAYER], path, verbose=True)
