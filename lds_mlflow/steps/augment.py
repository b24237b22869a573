"""Step `augment`: candidates, scores, selection, and the decoded augmentation set A."""

from dataclasses import asdict
from math import ceil, log

import pandas as pd
import torch
from matplotlib.figure import Figure
from PIL import Image

from lds_mlflow.config import AugmentConfig
from lds_mlflow.context import Context
from lds_mlflow.latent import bandwidth, draw_candidates, score_candidates, select
from lds_mlflow.pictures import alpha_chart, funnel_chart, image_grid, score_bands, score_chart
from lds_mlflow.sampling import decode_latents
from lds_mlflow.vae import VAE
from lds_mlflow.values import AugmentationSet, Candidates, LatentSet, ModelWeights, Scores, Selection, evenly_spread

__all__ = ["run"]

_SHOWN = 64
_BANDS, _PER_BAND = 5, 25
_QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)


def run(config: AugmentConfig, context: Context) -> str:
    """Stores A as `augmentation`, and its provenance as a table."""
    latents = context.inputs["encode"].load(LatentSet, "latents")
    model = VAE.from_weights(context.inputs["train"].load(ModelWeights, "model")).to(context.device)
    generator = torch.Generator().manual_seed(config.augment_seed)
    wanted = ceil(config.augmentation_ratio * len(latents.z_ND))
    candidates = draw_candidates(latents.z_ND, ceil(wanted / config.top_fraction), generator=generator)
    sigma = bandwidth(latents.z_ND, config.sigma)
    scores = score_candidates(candidates, latents.z_ND, sigma=sigma, leave_endpoints_out=config.leave_endpoints_out)
    _log_scores(scores, context)
    chosen = select(
        scores.log_lds_M,
        rule=config.selection,
        top_fraction=config.top_fraction,
        tau=config.tau,
        generator=generator,
    )
    kept = chosen.index_A
    augmentation = AugmentationSet(
        images_ACHW=decode_latents(model, candidates.z_MD[kept]),
        parents_A2=candidates.parents_M2[kept],
        alpha_A=candidates.alpha_M[kept],
        log_lds_A=scores.log_lds_M[kept],
    )
    context.run.log_value(augmentation, "augmentation")
    context.run.log_table(_provenance(augmentation, latents), "augmentation.csv")
    figures = _figures(chosen, candidates, latents)
    context.run.log_metrics(figures)
    _log_pictures(config, candidates, scores, chosen, context)
    context.run.log_picture(_grid(augmentation), "pictures/augmentation_set.png")
    context.run.log_picture(_bands(candidates, scores, model), "pictures/lds_bands.png")
    return (
        f"{' -> '.join(f'{count:,} {stage}' for stage, count in chosen.funnel.stages.items())} "
        f"({chosen.rule}; sigma {sigma:.3g}); "
        f"{figures['augmentation/share_next_to_a_parent']:.0%} of A at alpha 0.1 or 0.9, next to a parent"
    )


def _log_scores(scores: Scores, context: Context) -> None:
    log_lds = scores.log_lds_M
    quantiles = torch.quantile(log_lds, torch.tensor(_QUANTILES, dtype=log_lds.dtype))
    figures = {f"log_lds/q{100 * q:02.0f}": value.item() for q, value in zip(_QUANTILES, quantiles, strict=True)}
    context.run.log_metrics(figures | {"log_lds/max": log_lds.max().item(), "log_lds/sigma": scores.sigma})


def _figures(chosen: Selection, candidates: Candidates, latents: LatentSet) -> dict[str, float]:
    kept = chosen.index_A
    counts = {f"funnel/{name}": count for name, count in asdict(chosen.funnel).items() if count is not None}
    next_to_a_parent = (candidates.alpha_M[kept] - 0.5).abs() > 0.35
    norm_ratio = candidates.z_MD[kept].norm(dim=1).mean() / latents.z_ND.norm(dim=1).mean()
    return {
        **counts,
        "augmentation/share_next_to_a_parent": next_to_a_parent.double().mean().item(),
        "augmentation/norm_ratio": norm_ratio.item(),
    }


def _log_pictures(
    config: AugmentConfig, candidates: Candidates, scores: Scores, chosen: Selection, context: Context
) -> None:
    run, kept = context.run, chosen.index_A
    log_tau = log(config.tau) if config.selection == "paper" else None
    run.log_picture(score_chart(scores.log_lds_M, kept, log_tau=log_tau), "pictures/lds_histogram.png")
    run.log_picture(alpha_chart(candidates.alpha_M, kept), "pictures/alpha_histogram.png")
    run.log_picture(funnel_chart(chosen.funnel, chosen.rule), "pictures/funnel.png")


def _provenance(augmentation: AugmentationSet, latents: LatentSet) -> pd.DataFrame:
    first, second = augmentation.parents_A2.T.tolist()
    return pd.DataFrame(
        {
            "rank": range(1, len(first) + 1),
            "i": first,
            "j": second,
            "image_i": [latents.image_ids_N[row] for row in first],
            "image_j": [latents.image_ids_N[row] for row in second],
            "alpha": augmentation.alpha_A.round(decimals=1).tolist(),
            "log_lds": augmentation.log_lds_A.tolist(),
        }
    )


def _grid(augmentation: AugmentationSet) -> Image.Image:
    return image_grid(augmentation.images_ACHW[evenly_spread(len(augmentation.images_ACHW), _SHOWN)])


def _bands(candidates: Candidates, scores: Scores, model: VAE) -> Figure:
    falling = torch.argsort(scores.log_lds_M, descending=True)
    rows = falling[evenly_spread(len(falling), _BANDS * _PER_BAND)]
    images = decode_latents(model, candidates.z_MD[rows])
    return score_bands(images, scores.log_lds_M[rows], bands=_BANDS, per_band=_PER_BAND)
