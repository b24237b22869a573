"""What turns images into features. Figures are comparable only for one extractor, so each has a name."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from tqdm import tqdm

from lds_mlflow.errors import ArtifactError
from lds_mlflow.metrics.classifier import Classifier
from lds_mlflow.metrics.resizing import describe_resize, resize_images
from lds_mlflow.sampling import to_model_range
from lds_mlflow.values import ModelWeights

__all__ = [
    "ClassifierExtractor",
    "Extractor",
    "InceptionExtractor",
    "in_batches",
    "in_short",
    "read_tensors",
    "three_channels",
]

_BATCH = 256
_INCEPTION_BATCH = 32
_INCEPTION_LAYER = "2048"
_INCEPTION_SIDE = 299
_SHOWN_OF_AN_ERROR = 300


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


class ClassifierExtractor:
    """The features before the classes of a classifier trained on the training labels.

    Args:
        weights: The classifier.
        device: Where to compute.
    """

    resize = "none"

    def __init__(self, weights: ModelWeights, device: str = "cpu") -> None:
        self.model, self.device = Classifier.from_weights(weights).to(device), device
        self.name = f"classifier-{weights.digest[:8]}"

    @torch.inference_mode()
    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor."""
        batches = images_NCHW.split(_BATCH)
        return torch.cat([self.model.features(to_model_range(x.to(self.device))).cpu() for x in batches])

    @torch.inference_mode()
    def classes(self, images_NCHW: Tensor) -> Tensor:
        """Returns the class of every image, int64 [N], of uint8 [N, C, H, W]."""
        batches = images_NCHW.split(_BATCH)
        return torch.cat([self.model(to_model_range(x.to(self.device))).argmax(1).cpu() for x in batches])


class InceptionExtractor:
    """Inception v3 as the FID has it, by torch-fidelity: its 2,048 pooled features.

    Args:
        weights: A file of torch-fidelity's weights (.pth or .safetensors), or None to download them.
        device: Where to compute.

    Raises:
        ArtifactError: The weights can't be had, or don't fit.
    """

    resize = describe_resize(_INCEPTION_SIDE)

    def __init__(self, weights: Path | None, device: str = "cpu") -> None:
        self.device = device
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

    @torch.inference_mode()
    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor. Grey images are repeated to three channels."""
        return in_batches(self._features, images_NCHW, _INCEPTION_BATCH, "Inception")

    def _features(self, images_NCHW: Tensor) -> Tensor:
        # The network's own resize isn't antialiased; of images that have its side it changes nothing.
        resized = resize_images(images_NCHW, _INCEPTION_SIDE)
        features: Tensor = self.model(three_channels(resized).to(self.device))[0]
        return features


def in_batches(compute: Callable[[Tensor], Tensor], images_NCHW: Tensor, size: int, network: str) -> Tensor:
    """Computes features, float32 [N, F] on the CPU, `size` images at a time; what takes long shows its progress."""
    batches = images_NCHW.split(size)
    bar = tqdm(batches, desc=f"{network} features", unit="batch", leave=False, delay=1)
    return torch.cat([compute(x).float().cpu() for x in bar])


def three_channels(images_NCHW: Tensor) -> Tensor:
    """Returns images [N, 3, H, W] of images with one channel, which is repeated, or three."""
    return images_NCHW.expand(-1, 3, -1, -1) if images_NCHW.shape[1] == 1 else images_NCHW


def in_short(error: Exception) -> str:
    """Returns what an error says on one line, or of what kind it is."""
    return " ".join(str(error).split())[:_SHOWN_OF_AN_ERROR] or type(error).__name__


def _inception(weights: Path | None) -> FeatureExtractorInceptionV3:
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if weights is not None:
            # torch-fidelity unpickles whatever it is given; it gets a copy that holds tensors alone.
            path = str(Path(folder) / "inception.pth")
            torch.save(read_tensors(weights), path)
        return FeatureExtractorInceptionV3("inception-v3-compat", [_INCEPTION_LAYER], path, verbose=True)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads tensors by name from a file (.safetensors, else torch.save's), and unpickles nothing else.

    Raises:
        OSError: The file can't be read.
        SafetensorError: It is no safetensors file.
        ValueError: It holds something else than tensors by name.
    """
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        raise ValueError(f"not a file of tensors alone ({type(error).__name__})") from error
    if not isinstance(tensors, dict) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise ValueError(f"a {type(tensors).__name__}, not a table of tensors alone")
    return tensors
