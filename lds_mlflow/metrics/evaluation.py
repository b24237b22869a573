"""All figures of one set of samples, each beside its floor: the same figure of real images."""

from torch import Tensor

from lds_mlflow.metrics.attributes import class_shares, share_gap
from lds_mlflow.metrics.features import ClassifierExtractor, Extractor
from lds_mlflow.metrics.frechet import frechet_distance
from lds_mlflow.metrics.neighbours import density_and_coverage, precision_and_recall
from lds_mlflow.values import Evaluation, ImageSet

__all__ = ["evaluate_samples"]


def evaluate_samples(
    samples_SCHW: Tensor,
    held_out: ImageSet,
    train: ImageSet,
    *,
    extractor: Extractor,
    judge: ClassifierExtractor | None,
    k: int = 5,
) -> Evaluation:
    """Measures samples against as many held-out images.

    Args:
        samples_SCHW: Samples, uint8 [S, C, H, W].
        held_out: Real images that nothing was fitted or chosen on.
        train: The training images: they give the floor, and the class shares to keep.
        extractor: What turns images into features.
        judge: What tells an image's class, or None where there are no classes.
        k: Neighbours of density and coverage.

    Returns:
        `fid`, `precision`, `recall`, `density`, `coverage`; the same with `floor_` before them, of training images in
        place of samples; with a judge, `class_share/NAME`, `train_class_share/NAME` (of the true labels) and
        `class_share_gap`.

    Raises:
        DataError: There are too few images for a figure.
    """
    n = min(len(samples_SCHW), len(held_out), len(train))
    real = extractor.features(held_out.spread(n).images_NCHW)
    metrics = _distances(real, extractor.features(samples_SCHW[:n]), k)
    floor = _distances(real, extractor.features(train.spread(n).images_NCHW), k)
    metrics |= {f"floor_{name}": value for name, value in floor.items()}
    if judge is not None and train.labels_N is not None:
        names = train.class_names_K
        shares = class_shares(judge.classes(samples_SCHW[:n]), len(names))
        wanted = class_shares(train.labels_N, len(names))
        metrics |= {f"class_share/{name}": shares[i].item() for i, name in enumerate(names)}
        metrics |= {f"train_class_share/{name}": wanted[i].item() for i, name in enumerate(names)}
        metrics["class_share_gap"] = share_gap(shares, wanted)
    return Evaluation(extractor=extractor.name, n_samples=n, metrics=metrics)


def _distances(real_NF: Tensor, other_NF: Tensor, k: int) -> dict[str, float]:
    neighbours = (
        precision_and_recall(real_NF, other_NF, k=k)._asdict() | density_and_coverage(real_NF, other_NF, k=k)._asdict()
    )
    return {"fid": frechet_distance(real_NF, other_NF), **neighbours}
