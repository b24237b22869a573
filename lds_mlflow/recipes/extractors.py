"""The feature extractor that the configuration of `evaluate` asks for."""

from pathlib import Path

from lds_mlflow.config import EvaluateConfig
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics import (
    CachedExtractor,
    ClassifierExtractor,
    Extractor,
    InceptionExtractor,
    ProgramExtractor,
    ScaledExtractor,
    SqueezeNetExtractor,
)
from lds_mlflow.models.pretrained import Convention
from lds_mlflow.values import ExampleSet

__all__ = ["extractor_as_configured"]


def extractor_as_configured(
    config: EvaluateConfig,
    judge: ClassifierExtractor | None,
    train: ExampleSet,
    *,
    device: str,
    cache: Path | None,
    ranks: Ranks = ALONE,
) -> Extractor:
    """Returns the feature extractor of a configuration.

    All but Inception, whose features the FID is defined by, are scaled by a constant that the training images give.
    """
    weights = Path(config.feature_weights) if config.feature_weights else None
    if config.features == "inception":
        return _kept(InceptionExtractor(weights, device, ranks=ranks), cache)
    if weights is None:
        assert judge is not None
        own: Extractor = judge
    elif config.features == "program":
        own = ProgramExtractor(weights, device, config.program_resolution)
    else:
        convention: Convention = "caffe" if config.features == "squeezenet-caffe" else "torchvision"
        own = SqueezeNetExtractor(weights, device, convention, ranks=ranks)
    return ScaledExtractor.fitted(_kept(own, cache), train.examples_N)


def _kept(extractor: Extractor, cache: Path | None) -> Extractor:
    return CachedExtractor(extractor, cache) if cache else extractor
