"""The classifier of the training labels as an extractor of features, and as the judge of classes."""

from torch import Tensor, nn

from lds_mlflow.machine.batches import in_batches
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics.features.classifier import Classifier
from lds_mlflow.models import PIXELS
from lds_mlflow.values import ModelWeights

__all__ = ["ClassifierExtractor"]

_BATCH = 256


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
        return self.model.features(PIXELS.to_model(images_BCHW))

    def features(self, images_NCHW: Tensor) -> Tensor:
        """See Extractor."""
        device = self.model.device
        return in_batches(self, images_NCHW, _BATCH, "classifier features", device=device, ranks=self.ranks)

    def classes(self, images_NCHW: Tensor) -> Tensor:
        """Returns the class of every image, int64 [N], of uint8 [N, C, H, W]."""
        return in_batches(self._classes, images_NCHW, _BATCH, "classes", device=self.model.device)

    def _classes(self, images_BCHW: Tensor) -> Tensor:
        classes: Tensor = self.model(PIXELS.to_model(images_BCHW)).argmax(1)
        return classes
