"""The feature extractor that a configuration of `evaluate` or `calibrate` asks for."""

from pathlib import Path

from lds_mlflow.choices import call
from lds_mlflow.choices.extractors import EXTRACTORS
from lds_mlflow.config import FeatureSettings
from lds_mlflow.domains import domain_of
from lds_mlflow.errors import ConfigError, DataError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.machine.ranks import ALONE, Ranks
from lds_mlflow.metrics import CachedExtractor, Extractor, FeatureClassifier, ScaledExtractor
from lds_mlflow.recipes.division import Division
from lds_mlflow.values import ExampleSet, ModelWeights

__all__ = [
    "extractor_as_configured",
    "judge_as_extractor",
    "judge_of",
    "outside_of",
    "require_classes_for_a_classifier",
    "require_weights",
]


def outside_of(config: FeatureSettings) -> str:
    """Returns the digest of the weights or the program of an extractor, or "" where it has no file."""
    return digest_of_file(Path(config.feature_weights)) if config.feature_weights else ""


def extractor_as_configured(
    config: FeatureSettings,
    judge: FeatureClassifier | None,
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
        ConfigError: There is no such extractor for examples of this kind.
        ArtifactError: The file is missing, or does not fit the extractor.
        DataError: The features of the training examples are all 0, or not finite.
    """
    _require_fit(config, train.domain)
    plain = _plain(config, judge, device, ranks)
    kept = CachedExtractor(plain, cache) if cache else plain
    return ScaledExtractor.fitted(kept, train.examples_N) if EXTRACTORS[config.features].is_scaled else kept


def require_classes_for_a_classifier(division: Division) -> None:
    """Checks that there are classes, which the classifier is trained on whose features judge samples.

    Raises:
        DataError: There are none; the error names the features that need none.
    """
    if division.has_classes:
        return
    others = [name for name, one in EXTRACTORS.items() if one.fits(division.domain) and not one.needs_judge]
    raise DataError(
        f"the {division.domain}",
        found="no classes",
        expected="a class for every example, since features=classifier trains a classifier on them",
        remedy=f"Put the files into one folder for each class, or name their classes in a table (docs/layouts.md); or "
        f"choose other features: {', '.join(others)}.",
    )


def require_weights(config: FeatureSettings, domain: str, device: str) -> None:
    """Opens the weights or the program of a feature extractor, and downloads weights that are not there.

    Args:
        config: Names the extractor, and the file of its weights.
        domain: The kind of the examples.
        device: Where to compute.

    Raises:
        ConfigError: There is no such extractor for examples of this kind.
        ArtifactError: They can't be had, or do not fit the extractor.
    """
    _require_fit(config, domain)
    if not EXTRACTORS[config.features].needs_judge:
        _plain(config, None, device, ALONE)


def _require_fit(config: FeatureSettings, domain: str) -> None:
    if not EXTRACTORS[config.features].fits(domain):
        raise ConfigError(
            "features",
            found=f"{config.features}, for examples that are {domain}",
            expected=f"one of {', '.join(name for name, other in EXTRACTORS.items() if other.fits(domain))}",
            remedy="Give one of these.",
        )


def _plain(config: FeatureSettings, judge: FeatureClassifier | None, device: str, ranks: Ranks) -> Extractor:
    known = {
        "file": Path(config.feature_weights) if config.feature_weights else None,
        "device": device,
        "ranks": ranks,
        "judge": judge,
        "program_resolution": config.program_resolution,
    }
    extractor: Extractor = call(EXTRACTORS[config.features], known.__getitem__)
    return extractor


def judge_of(weights: ModelWeights, device: str) -> FeatureClassifier:
    """Returns the classifier whose stored weights are given, ready to tell classes and to give features."""
    return domain_of(weights.domain).open_classifier(weights, device)


def judge_as_extractor(judge: FeatureClassifier | None) -> Extractor:
    """Returns the classifier that the project trains as a feature extractor; the configuration requires one."""
    assert judge is not None
    return judge
