"""What turns images into features. Figures are comparable only for one extractor, so each has a name."""

import tempfile
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from lds_mlflow.errors import ArtifactError
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.classifier import Classifier
from lds_mlflow.metrics.features.resizing import describe_resize, resize_images
from lds_mlflow.models import PIXELS
from lds_mlflow.models.pretrained import in_short, read_tensors, three_channels
from lds_mlflow.values import ModelWeights

__all__ = [
    "ClassifierExtractor",
    "Extractor",
    "InceptionExtractor",
]

_BATCH = 256
_INCEPTION_BATCH = 32
_INCEPTION_LAYER = "2048"
_INCEPTION_SIDE = 299


class Extractor(Protocol):
    """Maps images to features."""

    @property
    def name(self) -> str:
        """What it is and which weights it has."""
        ...

    @property
    def resize(self) -> str:
        """What is done to the size of the images, in words; "none" where nothing is."""
        ...

    def features(self, images_NCHW: Tensor) -> Tensor:
        """Maps images, uint8 [N, C, H, W], to features, float32 [N, F], on the CPU."""
        ...


class ClassifierExtractor(nn.Module):
    """The features before the classes of a classifier trained on the training labels.

    Args:
        weights: The classifier.
        device: Where to compute.
        ranks: The processes that share the images.
    """

    resize = "none"

    def __init__(self, weights: ModelWeights, device: str = "cpu", *, ranks: Ranks = ALONE) -> None:
        super().__init__()
        self.model, self.ranks = Classifier.from_weights(weights).to(device), ranks
        self.name = f"classifier-{weights.digest[:8]}"

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Maps a batch to its features."""
        return self.model.features(PIXELS.to_model(images_BCHW.to(self.model.device)))

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor."""
        return in_batches(self, images_NCHW, _BATCH, "classifier features", ranks=self.ranks)

    def classes(self, images_NCHW: Tensor) -> Tensor:
        """Returns the class of every image, int64 [N], of uint8 [N, C, H, W]."""
        return in_batches(self._classes, images_NCHW, _BATCH, "classes")

    def _classes(self, images_BCHW: Tensor) -> Tensor:
        classes: Tensor = self.model(PIXELS.to_model(images_BCHW.to(self.model.device))).argmax(1)
        return classes


class InceptionExtractor(nn.Module):
    """Inception v3 as the FID has it, by torch-fidelity: its 2,048 pooled features.

    Args:
        weights: A file of torch-fidelity's weights (.pth or .safetensors), or None to download them.
        device: Where to compute.
        ranks: The processes that share the images.

    Raises:
        ArtifactError: The weights can't be had, or don't fit.
    """

    resize = describe_resize(_INCEPTION_SIDE)

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
        resized = resize_images(images_BCHW, _INCEPTION_SIDE)
        features: Tensor = self.model(three_channels(resized).to(next(self.model.parameters()).device))[0]
        return features.float()

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        return in_batches(self, images_NCHW, _INCEPTION_BATCH, "Inception features", ranks=self.ranks)


def _inception(weights: Path | None) -> FeatureExtractorInceptionV3:
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if weights is not None:
            # torch-fidelity unpickles whatever it is given; it gets a copy that holds tensors alone.
            path = str(Path(folder) / "inception.pth")
            torch.save(read_tensors(weights), path)
        return FeatureExtractorInceptionV3("inception-v3-compat", [_INCEPTION_LAYER], path, verbose=True)
