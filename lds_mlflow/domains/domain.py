"""What the project asks of a kind of examples."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from lds_mlflow.data import NearDuplicates, Reading
from lds_mlflow.metrics import FeatureClassifier, Judge
from lds_mlflow.models import Scale
from lds_mlflow.values import ExampleSet, ModelWeights, Splits

__all__ = ["Domain", "DrawClass", "Gallery", "Instruments", "Quality"]

DrawClass = Callable[[str, int], Tensor]
"""Draws samples of a class: its name and their number, to [S, ...] as examples are stored."""


class Quality(NamedTuple):
    """A score of how good an example is by itself.

    Attributes:
        title: What a person reads.
        measure: Maps examples as they are stored, [N, ...], to scores, [N]; higher is better.
    """

    title: str
    measure: Callable[[Tensor], Tensor]


class Gallery(NamedTuple):
    """The page that `serve` shows, and what it shows of an example.

    Attributes:
        page: The page; its scripts and styles lie in the folder of its name.
        noun: What an example is called, such as "image"; several are called the same with an s.
        picture: The format of the answer that is shown as a picture: a PNG in base64.
        besides: Further formats that the large view shows of an example, each with its media type. An example of
            audio/... is played, and is in base64; one of text/... is written, and is a text.
        archived: The format of the files in the zip that people download, which is their ending; in base64.
    """

    page: Path
    noun: str
    picture: str = "png"
    besides: Mapping[str, str] = {}
    archived: str = "png"


class Instruments(NamedTuple):
    """What a kind of examples may measure its samples by.

    Attributes:
        judge: The classifier that the project trains; None where there are no classes.
        draw_class: Draws further samples of a class; None where there are no classes, or the samples are drawn in a way
            that knows none.
        device: Where to compute.
        cache: The folder in which features are kept, or None to keep none.
    """

    judge: Judge | None = None
    draw_class: DrawClass | None = None
    device: str = "cpu"
    cache: Path | None = None


class Domain(Protocol):
    """A kind of examples: how they are loaded, scaled for a model, shown, answered over HTTP, and judged."""

    @property
    def name(self) -> str:
        """Its key in DOMAINS."""
        ...

    @property
    def scale(self) -> Scale:
        """How stored examples become what a model sees, and back."""
        ...

    def takes(self, source: str) -> bool:
        """Returns whether the parameter `data` names examples of this kind."""
        ...

    @property
    def packages(self) -> Mapping[str, str]:
        """Packages without which nothing can be done with such examples, and that the project does not install.

        Each is the name of the package, by that of the module that is imported.
        """
        ...

    def describe_source(self, source: str) -> str:
        """Returns a digest that changes when the files behind `data` do, without reading their content.

        Raises:
            DataError: Nothing is there.
        """
        ...

    def load(self, source: str, reading: Reading) -> ExampleSet:
        """Reads the examples that `data` names, ready for a model.

        Raises:
            DataError: They can't be read, or can't be used.
        """
        ...

    def describe(self, examples: ExampleSet) -> str:
        """Returns the number of examples in a set and their form, in a few words."""
        ...

    def near_duplicates(self, splits: Splits) -> NearDuplicates:
        """Returns pairs of examples in different parts that are nearly the same."""
        ...

    def grid(self, examples_N: Tensor) -> Image.Image:
        """Shows examples side by side."""
        ...

    def pairs(self, above_N: Tensor, below_N: Tensor) -> Image.Image:
        """Shows rows of examples with their counterparts right below."""
        ...

    def bands(self, examples_N: Tensor, log_lds_N: Tensor, *, bands: int, per_band: int) -> Figure:
        """Shows examples, in falling order of log LDS, by band of score."""
        ...

    @property
    def suffix(self) -> str:
        """The ending of a file that holds one example, such as ".png"."""
        ...

    def file_content(self, example: Tensor) -> bytes:
        """Returns one example as the content of such a file."""
        ...

    def files(self, examples_N: Tensor, /) -> Mapping[str, bytes]:
        """Returns what a run keeps of examples beside their picture: the contents of few, small files, by name."""
        ...

    @property
    def column(self) -> str:
        """The column of a served answer that holds the example."""
        ...

    @property
    def formats(self) -> Mapping[str, Callable[[Tensor], Any]]:
        """How one example is answered over HTTP, by the name of the format; the first is the default."""
        ...

    @property
    def gallery(self) -> Gallery | None:
        """The page that `serve` shows, or None."""
        ...

    def train_classifier(self, train: ExampleSet, *, steps: int, seed: int, device: str) -> ModelWeights:
        """Trains a classifier on the training labels, and returns its weights.

        Args:
            train: Training examples with labels.
            steps: Optimizer steps.
            seed: Determines weights and batches.
            device: Where to train.

        Raises:
            DataError: The examples have no labels.
        """
        ...

    def open_classifier(self, weights: ModelWeights, device: str) -> FeatureClassifier:
        """Returns the classifier whose stored weights are given; it gives features and tells classes."""
        ...

    @property
    def qualities(self) -> Mapping[str, Quality]:
        """Scores of single examples, by name."""
        ...
