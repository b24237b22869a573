"""What a selection has done to the latents: near-copies, contraction, skew. Figures, and warnings in plain words."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lds_mlflow.latent.scoring.scorers import score_candidates
from lds_mlflow.machine.arrays import taking_arrays
from lds_mlflow.values import Candidates

__all__ = ["Diagnosis", "diagnose"]

_ACTIVE = 0.01
_MOSTLY_PARENTS, _CONTRACTED, _SKEWED, _OVERUSED = 0.9, 0.5, 0.1, 0.05


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is to be known of a kept set.

    Attributes:
        figures: By name.
        class_shares: By class, its share of A (by the nearer parent) and of the training examples; empty without
            labels.
        warnings: Sentences.
    """

    figures: dict[str, float]
    class_shares: dict[str, tuple[float, float]]
    warnings: tuple[str, ...]


@taking_arrays
def diagnose(
    kept: Candidates,
    z_ND: Tensor,
    *,
    sigma: float,
    labels_N: Tensor | None = None,
    class_names_K: tuple[str, ...] = (),
) -> Diagnosis:
    """Diagnoses the kept candidates against the training latents.

    Args:
        kept: The kept candidates, A of them.
        z_ND: Training latents, float [N, D], in the space in which density was measured, as `kept`.
        sigma: Bandwidth, in latent units.
        labels_N: Class of every training latent, int64 [N] in 0..K-1.
        class_names_K: Name of every class.
    """
    figures = _near_copies(kept, z_ND, sigma) | _contraction(kept.z_MD, z_ND)
    uses = torch.bincount(kept.parents_M2.flatten(), minlength=len(z_ND))
    figures["most_uses_of_a_parent"] = uses.max().item()
    shares = {} if labels_N is None else _class_shares(kept, labels_N, class_names_K)
    if shares:
        figures["class_share_gap"] = max(abs(own - training) for own, training in shares.values())
    return Diagnosis(figures, shares, _warnings(figures, shares, len(kept.alpha_M)))


def _near_copies(kept: Candidates, z_ND: Tensor, sigma: float) -> dict[str, float]:
    figures = {"share_next_to_a_parent": ((kept.alpha_M - 0.5).abs() > 0.35).double().mean().item()}
    n = len(z_ND)
    if n > 2:
        whole, rest = (
            score_candidates(kept, z_ND, sigma=sigma, leave_endpoints_out=left_out).log_lds_M
            for left_out in (False, True)
        )
        supplied = (1 - (n - 2) / n * (rest - whole).exp()).clamp(0, 1)
        figures["score_from_own_parents"] = supplied.mean().item()
    return figures


def _contraction(z_AD: Tensor, z_ND: Tensor) -> dict[str, float]:
    kept, training = z_AD.double(), z_ND.double()
    origin = training.mean(0)
    figures = {
        "norm_ratio": (kept.norm(dim=1).mean() / training.norm(dim=1).mean()).item(),
        "centred_norm_ratio": ((kept - origin).norm(dim=1).mean() / (training - origin).norm(dim=1).mean()).item(),
        "variance_ratio": (kept.var(0, correction=0).sum() / training.var(0, correction=0).sum()).item(),
    }
    variances, axes = torch.linalg.eigh(torch.cov(training.T, correction=0).reshape(training.shape[1], -1))
    active = variances > _ACTIVE * variances.max()
    # A determinant of fewer points than directions is zero, whatever they are.
    if len(kept) > int(active.sum()):
        own = torch.cov((kept @ axes[:, active]).T, correction=0).reshape(int(active.sum()), -1)
        difference = torch.linalg.slogdet(own).logabsdet - variances[active].log().sum()
        if torch.isfinite(difference):
            figures["log_det_difference"] = difference.item()
    return figures


def _class_shares(kept: Candidates, labels_N: Tensor, names: tuple[str, ...]) -> dict[str, tuple[float, float]]:
    nearer = torch.where(kept.alpha_M > 0.5, kept.parents_M2[:, 1], kept.parents_M2[:, 0])
    own, training = (torch.bincount(labels, minlength=len(names)).double() for labels in (labels_N[nearer], labels_N))
    pairs = zip((own / own.sum()).tolist(), (training / training.sum()).tolist(), strict=True)
    return dict(zip(names, pairs, strict=True))


def _warnings(figures: dict[str, float], shares: dict[str, tuple[float, float]], n: int) -> tuple[str, ...]:
    found = []
    supplied = figures.get("score_from_own_parents", 0)
    if supplied > _MOSTLY_PARENTS:
        found.append(
            f"Near-copies: {supplied:.0%} of the score of A is supplied by each candidate's own two parents, and "
            f"{figures['share_next_to_a_parent']:.0%} of A lies at alpha 0.1 or 0.9, next to one. "
            "leave_endpoints_out=true scores by the others."
        )
    if figures["variance_ratio"] < _CONTRACTED:
        found.append(
            f"Contraction: the latents of A vary {figures['variance_ratio']:.2f} times as much as the "
            "training latents: A is drawn in towards the mean."
        )
    if shares:
        name, (own, training) = max(shares.items(), key=lambda item: abs(item[1][0] - item[1][1]))
        if abs(own - training) > _SKEWED:
            found.append(f"Class skew: {own:.0%} of A is {name}, of the training examples {training:.0%}.")
    uses = figures["most_uses_of_a_parent"]
    if uses > max(2.0, _OVERUSED * n):
        found.append(f"One training example is a parent of {uses:.0f} of the {n:,} in A. max_per_parent caps that.")
    return tuple(found)
