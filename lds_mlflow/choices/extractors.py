"""Feature extractors: functions or classes that give an `lds_mlflow.metrics.Extractor`.

An argument is given by what `lds_mlflow.recipes.extractors` knows: the file of weights or None, the device, the ranks
that share the work, the judge (the classifier that the project trains) or None, and the parameter program_resolution.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from lds_mlflow.choices.choice import Choice

__all__ = ["CLASSIFIER", "EXTRACTORS", "ExtractorChoice"]

CLASSIFIER = "classifier"
"""The extractor that needs no file and no download, and the default everywhere."""


@dataclass(frozen=True, slots=True)
class ExtractorChoice(Choice):
    """A feature extractor.

    Attributes:
        domain: The kind of examples that it takes, a key of DOMAINS; "" for every kind.
        file: Whether it must have a file of weights or of a program, may have one, or must have none.
        is_scaled: Whether its features are divided by a constant that the training examples give.
        needs_judge: Whether it is the classifier that the project trains.
        takes_resolution: Whether it can be told the side in pixels at which it takes images.
        figures: Figures that are defined by its features alone, and where each is: a function that maps features of
            real examples and of samples, [N, F] and [M, F], to an `lds_mlflow.metrics.Estimate`.
    """

    domain: str = "images"
    file: Literal["required", "optional", "none"] = "required"
    is_scaled: bool = True
    needs_judge: bool = False
    takes_resolution: bool = False
    figures: Mapping[str, str] = field(default_factory=dict)

    def fits(self, domain: str) -> bool:
        """Returns whether the extractor takes examples of a kind."""
        return self.domain in ("", domain)


_NETWORK = {"weights": "file", "device": "device", "ranks": "ranks"}

EXTRACTORS = {
    CLASSIFIER: ExtractorChoice(
        "the classifier that the project trains",
        "lds_mlflow.recipes.extractors:judge_as_extractor",
        {"judge": "judge"},
        domain="",
        file="none",
        needs_judge=True,
    ),
    # The FID is defined by Inception's features as they are.
    "inception": ExtractorChoice(
        "Inception v3, whose weights are downloaded where there is no file of them",
        "lds_mlflow.metrics.features.inception:InceptionExtractor",
        _NETWORK,
        file="optional",
        is_scaled=False,
    ),
    "squeezenet": ExtractorChoice(
        "SqueezeNet 1.0 with torchvision's weights",
        "lds_mlflow.metrics.features.squeezenet:torchvision_squeezenet",
        _NETWORK,
    ),
    "squeezenet-caffe": ExtractorChoice(
        "SqueezeNet 1.0 with Caffe's weights", "lds_mlflow.metrics.features.squeezenet:caffe_squeezenet", _NETWORK
    ),
    # Published distances are of the features of these as they are.
    "dinov2": ExtractorChoice(
        "DINOv2, by which FID is FD-DINOv2",
        "lds_mlflow.metrics.features.dinov2:DinoV2Extractor",
        _NETWORK,
        is_scaled=False,
    ),
    "clip": ExtractorChoice(
        "CLIP, which gives CMMD too",
        "lds_mlflow.metrics.features.vision:ClipExtractor",
        _NETWORK,
        is_scaled=False,
        figures={"cmmd": "lds_mlflow.metrics.kernel:clip_distance"},
    ),
    "vgg16": ExtractorChoice(
        "VGG16 with torchvision's weights",
        "lds_mlflow.metrics.features.vision:Vgg16Extractor",
        _NETWORK,
        is_scaled=False,
    ),
    # Its features have the length 1, and published distances are of them as they are.
    "speaker": ExtractorChoice(
        "the speaker encoder that the package resemblyzer brings, or of a file as it has it",
        "lds_mlflow.domains.sound.speaker:SpeakerExtractor",
        {"weights": "file", "device": "device"},
        domain="sound",
        file="optional",
        is_scaled=False,
    ),
    "program": ExtractorChoice(
        "a program (TorchScript, .pt2)",
        "lds_mlflow.metrics.features.programs:ProgramExtractor",
        {"path": "file", "device": "device", "side": "program_resolution"},
        takes_resolution=True,
    ),
    # Likewise the Frechet ChemNet distance by ChemNet's.
    "chemnet": ExtractorChoice(
        "ChemNet, by which FID is FCD, for molecules",
        "lds_mlflow.domains.molecules.chemnet:ChemNetExtractor",
        {"device": "device"},
        domain="molecules",
        file="none",
        is_scaled=False,
    ),
}
"""The extractors by name."""
