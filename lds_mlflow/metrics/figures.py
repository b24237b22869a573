"""The figures of an evaluation, in words: what each is, which way is better, and whether it is a share."""

from math import inf
from typing import Literal, NamedTuple

__all__ = ["COMPARED", "FIGURES", "Figure"]


class Figure(NamedTuple):
    """A figure.

    Attributes:
        title: What people call it.
        better: Which way is better; "neither" where a model can be wrong on both sides.
        is_share: Whether it is a share of images, 0..1.
        says: What it says, in a sentence.
        least: What it can't be below.
        is_biased: Whether few images make it larger, by how much depends on the model; NAME_infinity is without.
    """

    title: str
    better: Literal["lower", "higher", "neither"]
    is_share: bool
    says: str
    least: float = 0.0
    is_biased: bool = False


FIGURES: dict[str, Figure] = {
    "fid": Figure(
        "FID", "lower", False, "Frechet distance to the held-out images, biased upward by few images.", is_biased=True
    ),
    "fid_infinity": Figure("FID at infinite samples", "lower", False, "The same, extrapolated to no such bias."),
    "kid": Figure(
        "KID", "lower", False, "Kernel distance to the held-out images, unbiased; 0 where they are alike.", -inf
    ),
    "precision": Figure("Precision", "higher", True, "Share of the samples that lie among the real images."),
    "recall": Figure("Recall", "higher", True, "Share of the real images that lie among the samples."),
    "density": Figure(
        "Density",
        "neither",
        False,
        "How many real images a sample lies next to, over k. It rises where samples crowd or blur: more is not better.",
    ),
    "coverage": Figure("Coverage", "higher", True, "Share of the real images with a sample nearby."),
    "clipped_density": Figure(
        "Clipped Density", "higher", True, "Share of the samples that are as near to real images as those are."
    ),
    "clipped_coverage": Figure(
        "Clipped Coverage", "higher", True, "Share of samples that would cover as much if they were real images."
    ),
    "vendi": Figure("Vendi score", "neither", False, "How many different images the samples are worth."),
    "sharpness": Figure("Sharpness", "neither", False, "Mean variance of the Laplacian, in squared grey levels."),
    "authenticity": Figure(
        "Authenticity",
        "neither",
        True,
        "Share of the samples that are farther from a training image than its nearest other is.",
    ),
    "nearest_ratio": Figure(
        "Nearest-neighbour ratio",
        "neither",
        False,
        "Distance to the training images, over that of held-out images; below 1 is too near.",
    ),
    "data_copying": Figure(
        "C_T",
        "neither",
        False,
        "Weighted mean of z scores of data-copying; below -3 is copying, above 3 is underfitting.",
    ),
    "class_share_gap": Figure(
        "Class share gap",
        "lower",
        False,
        "Part of the samples that would have to change class to have the training shares; chance alone makes some.",
    ),
    "class_share_gap_corrected": Figure(
        "Class share gap (corrected)", "lower", False, "The same, corrected for the classifier's confusion."
    ),
}
"""Every figure by name, in the order in which it is shown."""

COMPARED = (
    "fid",
    "kid",
    "precision",
    "recall",
    "density",
    "coverage",
    "authenticity",
    "class_share_gap_corrected",
)
"""What models are compared by. The rest is correlated with these, and each more would cost the others power."""
