"""What the configuration of `augment` asks of the latent room: candidates, their scores, and the rule that selects."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil

import torch
from sklearn.cluster import KMeans
from torch import Tensor
from tqdm import tqdm

from lds_mlflow.config import AugmentConfig
from lds_mlflow.errors import DataError
from lds_mlflow.latent import (
    Bandwidth,
    Census,
    Certificate,
    Conformal,
    HighestDensity,
    Knee,
    LatentSpace,
    NeighbourScorer,
    Otsu,
    Paper,
    PowerLaw,
    Random,
    Rule,
    Scorer,
    Strata,
    SubsampleScorer,
    Threshold,
    TopFraction,
    Typical,
    bandwidth,
    certify,
    draw_candidates,
    interpolate,
    latent_space,
    leave_one_out_log_density,
    log_density,
    score_candidates,
    score_exhaustively,
    strata_of,
)
from lds_mlflow.samplers import draw_latents
from lds_mlflow.values import AugmentationSet, Candidates, ImageSet, LatentDistribution, LatentSet, Scores

__all__ = [
    "RULES",
    "Scored",
    "control_latents",
    "real_images",
    "rule_of",
    "score_as_configured",
    "strata_as_configured",
    "wanted_of",
]

_FIRST_SEED_OF_A = 2**31
"""Far from the seeds that evaluations draw."""

_SCORERS: dict[str, Scorer] = {
    "exact": score_candidates,
    "neighbours": NeighbourScorer(),
    "subsample": SubsampleScorer(),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """Candidates with their scores, and how they came about.

    Attributes:
        candidates: M candidates, in the latents of the model.
        scores: Their scores.
        space: The space in which density was measured.
        z_ND: The training latents in it.
        bandwidth: The bandwidth in it.
        certificate: What approximate scores are worth; None for exact ones.
        census: How all interpolants score, where all of them were scored.
    """

    candidates: Candidates
    scores: Scores
    space: LatentSpace
    z_ND: Tensor
    bandwidth: Bandwidth
    certificate: Certificate | None = None
    census: Census | None = None

    def in_space(self, index: Tensor) -> Candidates:
        """Returns some of the candidates in the space in which density was measured."""
        some = self.candidates.take(index)
        return replace(some, z_MD=self.space.map(some.z_MD))


def wanted_of(config: AugmentConfig, n: int) -> int:
    """Returns the size of A at most, for n training latents."""
    return ceil(config.augmentation_ratio * n)


def control_latents(config: AugmentConfig, latents: LatentSet, prior: LatentDistribution) -> Tensor:
    """Returns the latents that a control's A is decoded from, float32 [A, D].

    Args:
        config: The configuration: source is prior, reconstructions or noise.
        latents: The training latents.
        prior: The model's prior.
    """
    z_ND, seed = latents.z_ND, config.augment_seed
    n = wanted_of(config, len(z_ND))
    if config.source == "prior":
        return draw_latents(prior, [(_FIRST_SEED_OF_A + seed * 2**20 + i) % 2**32 for i in range(n)])
    generator = torch.Generator().manual_seed(seed)
    order = torch.cat([torch.randperm(len(z_ND), generator=generator) for _ in range(ceil(n / len(z_ND)))])
    chosen = z_ND[order[:n]]
    if config.source == "reconstructions":
        return chosen
    width = bandwidth(z_ND, config.sigma, multiplier=config.sigma_multiplier)
    return chosen + width.sigma * torch.randn(chosen.shape, generator=generator)


def real_images(config: AugmentConfig, reserve: ImageSet | None, n_train: int) -> AugmentationSet:
    """Returns more real images as A: as many as there would be of others, or all that there are.

    Raises:
        DataError: None were kept aside.
    """
    if reserve is None:
        raise DataError(
            "source=real",
            found="no real images that were kept aside",
            expected="a part of the images for it",
            remedy="Give reserve_fraction=0.2, say; it changes the division of the images.",
        )
    return AugmentationSet(reserve.spread(wanted_of(config, n_train)).images_NCHW)


def score_as_configured(config: AugmentConfig, z_ND: Tensor, generator: torch.Generator) -> Scored:
    """Makes candidates of training latents, float [N, D], and scores them."""
    space = latent_space(z_ND, config.latent_space, drop_inactive=config.drop_inactive)
    mapped_ND = space.map(z_ND)
    width = bandwidth(mapped_ND, config.sigma, multiplier=config.sigma_multiplier)
    n = ceil(wanted_of(config, len(z_ND)) / config.top_fraction / config.sharpest_fraction)
    if config.candidates == "exhaustive":
        return _score_all(config, z_ND, n, mapped_ND=mapped_ND, space=space, width=width)
    candidates = draw_candidates(
        z_ND,
        n,
        generator=generator,
        interpolation=config.interpolation,
        neighbours=config.parent_neighbours,
        every_alpha=config.every_alpha,
    )
    mapped = replace(candidates, z_MD=space.map(candidates.z_MD))
    leave_out, scorer = config.leave_endpoints_out, _SCORERS[config.scorer]
    scores = scorer(mapped, mapped_ND, sigma=width.sigma, leave_endpoints_out=leave_out)
    certificate = None
    if config.scorer != "exact":
        certificate = certify(
            scorer,
            mapped,
            mapped_ND,
            sigma=width.sigma,
            leave_endpoints_out=leave_out,
            top_fraction=config.top_fraction,
            generator=generator,
        )
    return Scored(candidates, scores, space, mapped_ND, width, certificate)


def _score_all(
    config: AugmentConfig, z_ND: Tensor, n: int, *, mapped_ND: Tensor, space: LatentSpace, width: Bandwidth
) -> Scored:
    bar_format = "{l_bar}{bar}| [{elapsed}<{remaining}]"
    with tqdm(total=1.0, desc="scoring all interpolants", bar_format=bar_format, delay=1) as bar:

        def progress(share: float) -> None:
            bar.update(share)

        found = score_exhaustively(
            mapped_ND, n, sigma=width.sigma, leave_endpoints_out=config.leave_endpoints_out, progress=progress
        )
    first, second = (z_ND[parents] for parents in found.candidates.parents_M2.T)
    z_MD = interpolate(first, second, found.candidates.alpha_M, "linear", centre_D=z_ND.mean(0))
    candidates = replace(found.candidates, z_MD=z_MD)
    return Scored(candidates, found.scores, space, mapped_ND, width, census=found.census)


HeldOut = Callable[[], Tensor]


def _conformal(config: AugmentConfig, scored: Scored, held_out: HeldOut) -> Rule:
    z_HD = scored.space.map(held_out())
    return Conformal(config.mass, log_density(z_HD, scored.z_ND, sigma=scored.bandwidth.sigma))


def _by_training(
    kind: type[HighestDensity] | type[Typical], config: AugmentConfig, scored: Scored, _held_out: HeldOut
) -> Rule:
    return kind(config.mass, leave_one_out_log_density(scored.z_ND, sigma=scored.bandwidth.sigma))


RULES: dict[str, Callable[[AugmentConfig, Scored, HeldOut], Rule]] = {
    "top": lambda config, _scored, _held_out: TopFraction(config.top_fraction),
    "paper": lambda config, _scored, _held_out: Paper(config.tau, config.top_fraction, config.combine),
    "threshold": lambda config, _scored, _held_out: Threshold(config.tau),
    "random": lambda config, _scored, _held_out: Random(config.top_fraction),
    "power": lambda config, _scored, _held_out: PowerLaw(config.gamma, config.top_fraction),
    "conformal": _conformal,
    "highest-density": partial(_by_training, HighestDensity),
    "typical": partial(_by_training, Typical),
    "otsu": lambda _config, _scored, _held_out: Otsu(),
    "knee": lambda _config, _scored, _held_out: Knee(),
}
"""The rules by the names that the configuration has for them."""


def rule_of(config: AugmentConfig, scored: Scored, held_out: HeldOut) -> Rule:
    """Returns the rule that is configured.

    Args:
        config: The configuration.
        scored: The scored candidates.
        held_out: Gives real latents that are not among the training latents, float [H, D], where the rule needs them.
    """
    return RULES[config.selection](config, scored, held_out)


def strata_as_configured(config: AugmentConfig, scored: Scored, train: ImageSet) -> Strata | None:
    """Returns the strata of the candidates, or None without stratification.

    Raises:
        DataError: The training images have no classes to stratify by, or are fewer than the clusters.
    """
    if config.stratify == "none":
        return None
    if config.stratify == "class":
        if train.labels_N is None:
            raise DataError(
                "the training images",
                found="no classes",
                expected="classes, for stratify=class",
                remedy="Give stratify=cluster, or bring labels.",
            )
        return strata_of(scored.candidates, train.labels_N)
    if config.clusters > len(scored.z_ND):
        raise DataError(
            "the training latents",
            found=f"{len(scored.z_ND)}",
            expected=f"at least as many as clusters={config.clusters}",
            remedy="Ask for fewer clusters.",
        )
    k_means = KMeans(config.clusters, n_init=4, random_state=config.augment_seed)
    return strata_of(scored.candidates, torch.from_numpy(k_means.fit_predict(scored.z_ND.cpu().numpy())).long())
