"""Step `augment`: candidates, scores, selection, and the decoded augmentation set A."""

from math import log

import pandas as pd
import torch
from torch import Tensor

from lds_mlflow.choices.bandwidths import DRAFTS_BANDWIDTH
from lds_mlflow.choices.sources import INTERPOLANTS
from lds_mlflow.config import AugmentConfig
from lds_mlflow.domains import Domain, domain_of
from lds_mlflow.latent import Diagnosis, diagnose
from lds_mlflow.latent.checks import require_neighbours
from lds_mlflow.models import Codec
from lds_mlflow.pictures import alpha_chart, census_chart, funnel_chart, score_chart
from lds_mlflow.recipes import Ingredients, ScoredCandidates, SelectedInterpolants, make_augmentation
from lds_mlflow.recipes.controls import require_reserve
from lds_mlflow.recipes.division import Division
from lds_mlflow.recipes.models import open_codec
from lds_mlflow.recipes.scoring import candidates_for
from lds_mlflow.recipes.showing import log_shown
from lds_mlflow.recipes.strata import require_strata
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import (
    AugmentationSet,
    Candidates,
    ExampleSet,
    LatentSet,
    Scores,
    Selection,
    evenly_spread,
)

__all__ = ["check", "run"]

_SHOWN = 64
_BANDS, _PER_BAND = 5, 25
_SIZE = "images_of_A"
_LISTED = (_SIZE, "sigma")
_QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)


def check(config: AugmentConfig, division: Division, _device: str) -> None:
    """Raises LdsError where the division of the data shows that A can't be made."""
    if config.source == "real":
        require_reserve(division.reserve)
    if config.source != INTERPOLANTS:
        return
    candidates_for(config, division.train)
    require_neighbours(config.parent_neighbours, division.train)
    require_strata(config.stratify, clusters=config.clusters, n=division.train, has_classes=division.has_classes)


def run(config: AugmentConfig, context: Context) -> str:
    """Stores A as `augmentation`; if A consists of interpolants, also logs where each comes from, as a table."""
    data = context.inputs["data"]
    latents = context.inputs["encode"].load(LatentSet, "latents")
    train = data.load(ExampleSet, "train")
    codec = open_codec(context.inputs["train"], train, context.device)
    domain = domain_of(train.domain)
    ingredients = Ingredients(
        latents,
        codec,
        train,
        held_out=lambda: data.load(ExampleSet, "select"),
        reserve=lambda: data.load(ExampleSet, "reserve") if "reserve_examples" in data.metrics else None,
        ranks=context.ranks,
    )
    made = make_augmentation(config, ingredients)
    _log_set(made.examples, domain, context)
    if made.selected is None:
        n = len(made.examples.examples_A)
        context.run.log_metrics({_SIZE: n})
        return f"{n:,} as A, a control: source={config.source}"
    return _log_selected(config, made.selected, ingredients, context)


def _log_set(made: AugmentationSet, domain: Domain, context: Context) -> None:
    context.run.log_value(made, "augmentation")
    shown = made.examples_A[evenly_spread(len(made.examples_A), _SHOWN)]
    log_shown(context.run, domain, "pictures/augmentation_set.png", domain.grid(shown), {"": shown})


def _log_selected(
    config: AugmentConfig, found: SelectedInterpolants, ingredients: Ingredients, context: Context
) -> str:
    scored, chosen, train = found.scored, found.selection, ingredients.train
    _log_census(scored, context)
    log_lds_A = scored.scores.log_lds_M[chosen.index_A]
    context.run.log_table(_provenance(found.candidates, log_lds_A, ingredients.latents), "augmentation.csv")
    diagnosis = diagnose(
        scored.in_space(chosen.index_A),
        scored.z_ND,
        sigma=scored.bandwidth.sigma,
        labels_N=train.labels_N,
        class_names_K=train.class_names_K,
    )
    _log_class_shares(diagnosis, context)
    figures = {_SIZE: len(chosen.index_A)} | _figures_of_scores(scored) | _figures_of_selection(chosen)
    context.run.log_figures(figures | diagnosis.figures, listed=_LISTED)
    _log_pictures(config, scored, chosen, context)
    _log_bands(scored.candidates, scored.scores, ingredients, context)
    return _sentence(scored, chosen, diagnosis, _of_shape(config, ingredients.codec))


def _sentence(scored: ScoredCandidates, chosen: Selection, diagnosis: Diagnosis, of_shape: str) -> str:
    stages = " -> ".join(f"{count:,} {stage}" for stage, count in chosen.funnel.items())
    next_to_a_parent = diagnosis.figures["share_next_to_a_parent"]
    head = (
        f"{stages} ({chosen.rule}; sigma {scored.bandwidth.sigma:.3g}, {scored.bandwidth.effective_neighbours:.0f} "
        f"effective neighbours); {next_to_a_parent:.0%} of A have alpha 0.1 or 0.9, close to a parent"
    )
    certificate = [str(scored.certificate)] if scored.certificate else []
    return "\n".join([head, *certificate, *_warnings(scored, chosen, diagnosis, of_shape)])


def _of_shape(config: AugmentConfig, codec: Codec) -> str:
    """Returns what a person should know of scores of latents that have places, in a sentence, or ""."""
    if len(codec.model.latent_shape) == 1 or config.latent_space == "pca":
        return ""
    return (
        f"these latents are maps of {'x'.join(map(str, codec.model.latent_shape))}, whose {codec.latent_dim:,} numbers "
        "say more of places than of what is seen: nearly all of a score may come from a candidate's own parents. "
        "latent_space=pca leaves out what varies little."
    )


def _warnings(scored: ScoredCandidates, chosen: Selection, diagnosis: Diagnosis, of_shape: str) -> list[str]:
    found = (of_shape, scored.space.note, scored.bandwidth.warning, *chosen.warnings, *diagnosis.warnings)
    return [f"Note: {warning}" for warning in found if warning]


def _figures_of_scores(scored: ScoredCandidates) -> dict[str, float]:
    rising = scored.scores.log_lds_M.sort().values
    figures = {f"log_lds/q{100 * q:02.0f}": rising[round(q * (len(rising) - 1))].item() for q in _QUANTILES}
    figures |= {
        "log_lds/max": rising[-1].item(),
        "sigma": scored.bandwidth.sigma,
        "effective_neighbours": scored.bandwidth.effective_neighbours,
        "log_lds/dimensions": scored.space.n_dimensions,
        "log_lds/rescored_in_float64": scored.scores.rescored,
    }
    if scored.certificate:
        figures |= {
            "certificate/top_overlap": scored.certificate.overlap,
            "certificate/mean_abs_error": scored.certificate.mean_abs_error,
            "certificate/max_abs_error": scored.certificate.max_abs_error,
        }
    if scored.census:
        figures |= {"census/interpolants": scored.census.n, "census/out_of_range": scored.census.out_of_range}
    return figures


def _figures_of_selection(chosen: Selection) -> dict[str, float]:
    counts = {f"funnel/{stage.replace(' ', '_')}": count for stage, count in chosen.funnel.items()}
    return counts | {f"selection/{name}": value for name, value in chosen.figures.items()}


def _log_census(scored: ScoredCandidates, context: Context) -> None:
    if scored.census:
        context.run.log_picture(census_chart(scored.census.counts_B, scored.census.edges_B1), "pictures/census.png")


def _log_class_shares(diagnosis: Diagnosis, context: Context) -> None:
    if diagnosis.class_shares:
        rows = [(name, own, training) for name, (own, training) in diagnosis.class_shares.items()]
        table = pd.DataFrame(rows, columns=["class", "share_of_A", "share_of_training"])
        context.run.log_table(table, "class_shares.csv")


def _log_pictures(config: AugmentConfig, scored: ScoredCandidates, chosen: Selection, context: Context) -> None:
    run, kept = context.run, chosen.index_A
    log_tau = log(config.tau) if config.selection == "paper" else chosen.figures.get("log_tau")
    is_bounded = config.sigma == DRAFTS_BANDWIDTH and config.sigma_multiplier == 1
    histogram = score_chart(scored.scores.log_lds_M, kept, log_tau=log_tau, is_bounded=is_bounded)
    run.log_picture(histogram, "pictures/lds_histogram.png")
    run.log_picture(alpha_chart(scored.candidates.alpha_M, kept), "pictures/alpha_histogram.png")
    run.log_picture(funnel_chart(chosen.funnel, chosen.rule), "pictures/funnel.png")


def _provenance(chosen: Candidates, log_lds_A: Tensor, latents: LatentSet) -> pd.DataFrame:
    first, second = chosen.parents_M2.T.tolist()
    return pd.DataFrame(
        {
            "rank": range(1, len(first) + 1),
            "i": first,
            "j": second,
            "example_i": [latents.ids_N[row] for row in first],
            "example_j": [latents.ids_N[row] for row in second],
            "alpha": chosen.alpha_M.round(decimals=1).tolist(),
            "log_lds": log_lds_A.tolist(),
        }
    )


def _log_bands(candidates: Candidates, scores: Scores, ingredients: Ingredients, context: Context) -> None:
    falling = torch.argsort(scores.log_lds_M, descending=True)
    rows = falling[evenly_spread(len(falling), _BANDS * _PER_BAND)]
    decoded = ingredients.codec.decode(candidates.z_MD[rows])
    domain = domain_of(ingredients.train.domain)
    figure = domain.bands(decoded, scores.log_lds_M[rows], bands=_BANDS, per_band=_PER_BAND)
    bands = {f"band_{number}": band for number, band in enumerate(decoded.chunk(_BANDS), start=1)}
    log_shown(context.run, domain, "pictures/lds_bands.png", figure, bands)
