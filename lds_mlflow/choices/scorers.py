"""Scorers of candidates: objects that follow `lds_mlflow.latent.Scorer`."""

from dataclasses import dataclass

from lds_mlflow.choices.choice import Choice

__all__ = ["SCORERS", "ScorerChoice"]


@dataclass(frozen=True, slots=True)
class ScorerChoice(Choice):
    """A scorer.

    Attributes:
        is_exact: Whether its scores are exact; approximate ones come with a certificate.
    """

    is_exact: bool = False


SCORERS = {
    "exact": ScorerChoice(
        "against all training latents", "lds_mlflow.latent.scoring.scorers:score_candidates", is_exact=True
    ),
    "neighbours": ScorerChoice(
        "against the 256 nearest (needs faiss), with a certificate",
        "lds_mlflow.latent.scoring.approximate:score_by_neighbours",
    ),
    "subsample": ScorerChoice(
        "against a random tenth of them, with a certificate",
        "lds_mlflow.latent.scoring.approximate:score_by_subsample",
    ),
}
"""The scorers by name."""
