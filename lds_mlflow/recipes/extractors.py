"""The feature extractor that the configuration of `evaluate` asks for."""

from pathlib import Path

from lds_mlflow.choices import call
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.config import EvaluateConfig
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics import CachedExtractor, ClassifierExtractor, Extractor, ScaledExtractor
from lds_mlflow.values import ExampleSet

__all__ = ["extractor_as_configured", "judge_as_extractor"]


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

    Args:
        config: Names the extractor, and the file of its weights.
        judge: The classifier that the project trains, or None where there is none.
        train: The training examples, which give the scale of the features where the extractor is scaled.
        device: Where to compute.
        cache: The folder in which features are kept, or None to keep none.
        ranks: The processes that share the examples.

    Raises:
        ArtifactError: The file is missing, or does not fit the extractor.
        DataError: The features of the training examples are all 0, or not finite.
    """
    known = {
        "file": Path(config.feature_weights) if config.feature_weights else None,
        "device": device,
        "ranks": ranks,
        "judge": judge,
        "program_resolution": config.program_resolution,
    }
    choice = EXTRACTORS[config.features]
    plain: Extractor = call(choice, known.__getitem__)
    kept = CachedExtractor(plain, cache) if cache else plain
    return ScaledExtractor.fitted(kept, train.examples_N) if choice.is_scaled else kept


def judge_as_extractor(judge: ClassifierExtractor | None) -> Extractor:
    """Returns the classifier that the project trains as a feature extractor; the configuration requires one."""
    assert judge is not None
    return judge
