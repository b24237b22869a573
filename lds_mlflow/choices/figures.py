"""The figures of an evaluation in words, and the limits by which they are judged.

This is the only list of figures: what models are compared, searched, promoted and shown by is read from it.
"""

from math import inf
from typing import Literal, NamedTuple

__all__ = [
    "COMPARED",
    "COPIES",
    "FIGURES",
    "HEADLINES",
    "LEAST_NEAREST_RATIO",
    "LEVEL",
    "LISTED",
    "LISTED_WHERE_THEY_ARE",
    "LOOSEST_NEAREST_RATIO",
    "LOOSEST_TAIL_SHARE",
    "MARGIN",
    "MOST_TAIL_SHARE",
    "PROMOTABLE",
    "RECONSTRUCTED",
    "SEARCHABLE",
    "SUMMARY",
    "TAIL",
    "TAILS",
    "Better",
    "Family",
    "Figure",
    "figure_named",
]

LEVEL = 0.05
"""Significance level of every verdict, and one minus the confidence of every interval."""

TAILS = (LEVEL / 2, 1 - LEVEL / 2)
"""The quantiles at which an interval begins and ends."""

MARGIN = 0.1
"""The smallest difference that matters, as a share of the larger of the two figures, unless another is given."""

LEAST_NEAREST_RATIO = 1.0
"""Samples of a lower nearest-neighbour ratio are too near to the training examples: they are copies."""

TAIL = 0.01
"""The share of held-out examples that are in the tail: those nearest to a training example."""

MOST_TAIL_SHARE = 0.02
"""With a tail share that is clearly larger, too many samples are near-copies of training examples."""

COPIES = ("nearest_ratio", "tail_share")
"""The figures by which samples are found to be copies: of all of them in the mean, and of a few of them."""

RECONSTRUCTED = "reconstructed_"
"""Before the name of one of COPIES: the same figure of a model's reconstructions of the held-out examples."""

LOOSEST_NEAREST_RATIO, LOOSEST_TAIL_SHARE = 0.75, 0.1
"""Where reconstructions set the limits on copies, they set none that are looser: a decoder may have memorized."""

Better = Literal["lower", "higher", "neither"]
Family = Literal[
    "frechet", "extrapolation", "kernel", "neighbours", "variety", "quality", "copies", "classes", "extractor", "domain"
]


class Figure(NamedTuple):
    """A figure of an evaluation.

    Attributes:
        title: What people call it.
        family: What it is computed by; figures of one family are computed together. Those of the family "domain" are
            of one kind of examples, which measures them itself; those of "extractor" are defined by the features of
            one extractor.
        better: Which way is better; "neither" where a model can be wrong on both sides.
        says: What it says, in a sentence.
        least: The lowest value that it can have.
        is_share: Whether it is a share of examples, 0..1.
        is_biased: Whether few examples make it larger, by an amount that depends on the model. The figure without that
            bias is called NAME_infinity.
        is_compared: Whether models are compared by it.
    """

    title: str
    family: Family
    better: Better
    says: str
    least: float = 0.0
    is_share: bool = False
    is_biased: bool = False
    is_compared: bool = False


FIGURES: dict[str, Figure] = {
    "fid": Figure(
        "FID",
        "frechet",
        "lower",
        "Frechet distance to the held-out examples. Few examples bias it upward.",
        is_biased=True,
        is_compared=True,
    ),
    "fid_infinity": Figure(
        "FID at infinite samples",
        "extrapolation",
        "lower",
        "Frechet distance extrapolated to infinitely many examples, where it has no bias.",
    ),
    "kid": Figure(
        "KID",
        "kernel",
        "lower",
        "Kernel distance to the held-out examples. It has no bias, and is 0 in the mean where both are alike.",
        least=-inf,
        is_compared=True,
    ),
    "cmmd": Figure(
        "CMMD",
        "extractor",
        "lower",
        "Kernel distance of CLIP's embeddings to those of the held-out examples, times 1,000. It takes features=clip.",
        is_compared=True,
    ),
    "precision": Figure(
        "Precision",
        "neighbours",
        "higher",
        "Share of the samples that lie among the real examples.",
        is_share=True,
        is_compared=True,
    ),
    "recall": Figure(
        "Recall",
        "neighbours",
        "higher",
        "Share of the real examples that lie among the samples.",
        is_share=True,
        is_compared=True,
    ),
    "density": Figure(
        "Density",
        "neighbours",
        "neither",
        "How many real examples a sample lies next to, divided by k. It rises where samples crowd or blur, so more is "
        "not better.",
        is_compared=True,
    ),
    "coverage": Figure(
        "Coverage",
        "neighbours",
        "higher",
        "Share of the real examples with a sample nearby.",
        is_share=True,
        is_compared=True,
    ),
    "clipped_density": Figure(
        "Clipped Density",
        "neighbours",
        "higher",
        "Share of the samples that are as near to real examples as real examples are to each other.",
        is_share=True,
    ),
    "clipped_coverage": Figure(
        "Clipped Coverage",
        "neighbours",
        "higher",
        "Share of the samples that would cover as much if they were real examples and the rest were nothing.",
        is_share=True,
    ),
    "vendi": Figure("Vendi score", "variety", "neither", "How many different examples the samples are worth."),
    "sharpness": Figure(
        "Sharpness", "quality", "neither", "Mean variance of the Laplacian of a sample, in squared grey levels."
    ),
    "authenticity": Figure(
        "Authenticity",
        "copies",
        "neither",
        "Share of the samples that are farther from their nearest training example than that is from its own nearest.",
        is_share=True,
        is_compared=True,
    ),
    "nearest_ratio": Figure(
        "Nearest-neighbour ratio",
        "copies",
        "neither",
        "Mean distance of the samples to the training examples, divided by that of the held-out examples. Below "
        f"{LEAST_NEAREST_RATIO:g} samples are too near.",
    ),
    "tail_share": Figure(
        "Tail share",
        "copies",
        "neither",
        f"Share of the samples that are nearer to a training example than the nearest {TAIL:.0%} of held-out examples "
        f"are. Where it is clearly above {MOST_TAIL_SHARE:g} there are too many near-copies.",
        is_share=True,
    ),
    "data_copying": Figure(
        "C_T",
        "copies",
        "neither",
        "Weighted mean of the z scores of the test of data-copying. Below -3 samples are copies, above 3 the model "
        "underfits.",
    ),
    "class_share_gap": Figure(
        "Class share gap",
        "classes",
        "lower",
        "Share of the samples that would have to change class to have the class shares of the training part. Chance "
        "alone makes it larger than 0.",
    ),
    "class_share_gap_corrected": Figure(
        "Class share gap (corrected)",
        "classes",
        "lower",
        "The class share gap, corrected for the classifier's confusion.",
        is_compared=True,
    ),
    "fad": Figure(
        "Frechet audio distance",
        "domain",
        "lower",
        "Frechet distance to the held-out clips by the speaker encoder. Few clips bias it upward.",
        is_compared=True,
    ),
    "kad": Figure(
        "Kernel audio distance",
        "domain",
        "lower",
        "Kernel distance to the held-out clips by the speaker encoder. It has no bias.",
        least=-inf,
        is_compared=True,
    ),
    "class_accuracy": Figure(
        "Accuracy of classes",
        "domain",
        "higher",
        "Share of samples that are drawn as one class which the classifier takes for that class.",
        is_share=True,
    ),
    "validity": Figure(
        "Validity", "domain", "higher", "Share of the samples that RDKit takes for molecules.", is_share=True
    ),
    "uniqueness": Figure(
        "Uniqueness", "domain", "higher", "Share of the valid samples that are different molecules.", is_share=True
    ),
    "novelty": Figure(
        "Novelty",
        "domain",
        "higher",
        "Share of the different samples that are no training molecule. A copy with one atom more is new.",
        is_share=True,
    ),
    "fcd": Figure(
        "FCD (fcd_torch)",
        "domain",
        "lower",
        "Frechet ChemNet distance to as many held-out molecules. Few molecules bias it upward. With features=chemnet "
        "the FID is this.",
    ),
    "snn": Figure(
        "SNN", "domain", "higher", "Mean similarity (Tanimoto) to the most similar held-out molecule.", is_share=True
    ),
    "snn_train": Figure(
        "Similarity to training",
        "domain",
        "neither",
        "Mean similarity (Tanimoto) to the most similar training molecule. Clearly above that of unseen molecules, "
        "samples are near-copies.",
        is_share=True,
    ),
    "scaffold_similarity": Figure(
        "Scaffold similarity",
        "domain",
        "higher",
        "Cosine between how often scaffolds occur among samples and among held-out molecules.",
        is_share=True,
    ),
    "internal_diversity": Figure(
        "Internal diversity",
        "domain",
        "neither",
        "One minus the mean similarity (Tanimoto) of two samples.",
        is_share=True,
    ),
    "wasserstein_qed": Figure("Distance of QED", "domain", "lower", "Wasserstein's distance of drug-likeness (QED)."),
    "wasserstein_logp": Figure("Distance of logP", "domain", "lower", "Wasserstein's distance of solubility (logP)."),
    "wasserstein_sa": Figure(
        "Distance of SA", "domain", "lower", "Wasserstein's distance of synthetic accessibility (SA)."
    ),
    "qed": Figure("QED", "quality", "neither", "Mean drug-likeness of the samples.", is_share=True),
}
"""Every figure by name, in the order in which it is shown."""

COMPARED = tuple(name for name, figure in FIGURES.items() if figure.is_compared)
"""What models are compared by. The rest is correlated with these, and each more would cost the others power."""

SEARCHABLE = tuple(
    name
    for name, figure in FIGURES.items()
    if figure.better != "neither" and figure.family not in ("extrapolation", "extractor", "domain")
)
"""What a search may optimize: one way is better, and it can be measured by itself, of examples of every kind."""

PROMOTABLE = tuple(name for name in COMPARED if name in SEARCHABLE and FIGURES[name].family != "classes")
"""What a candidate may be promoted by: it is compared, one way is better, and it needs no classes."""

HEADLINES = ("fid", "density", "coverage")
"""What a sentence or a chart has room for."""

LISTED = (
    *("fid", "kid", "precision", "recall", "density", "coverage", "nearest_ratio", "tail_share", "class_share_gap"),
    "floor_fid",
)
"""What a list of runs has room for, and the FID of real examples to read it by."""

LISTED_WHERE_THEY_ARE = tuple(name for name in COMPARED if FIGURES[name].family in ("domain", "extractor"))
"""What a list of runs shows besides, of the kinds of examples and by the extractors that have it."""

SUMMARY = ("fid", "coverage", "density", *COPIES)
"""What a small table has room for: quality, and whether samples are copies."""


def figure_named(name: str) -> Figure:
    """Returns a figure of an evaluation by its name.

    One that is not in FIGURES is the mean of a quality that a kind of examples brings: any number, of which neither way
    is better.
    """
    return FIGURES.get(name) or Figure(name, "quality", "neither", f"Mean {name} of the samples.", least=-inf)
