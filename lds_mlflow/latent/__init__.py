"""Candidates, their latent density score, and which of them to keep: arrays in, values out."""

from lds_mlflow.latent.bandwidth import bandwidth
from lds_mlflow.latent.candidates import draw_candidates
from lds_mlflow.latent.density import log_density, score_candidates
from lds_mlflow.latent.selection import feasible_tau, select

__all__ = ["bandwidth", "draw_candidates", "feasible_tau", "log_density", "score_candidates", "select"]
