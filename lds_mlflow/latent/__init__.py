"""Candidates, their latent density score, and which of them to keep: arrays in, values out.

    z_ND = latents                                          # anyone's latents, float [N, D]
    sigma = bandwidth(z_ND, "norm/5").sigma
    candidates = draw_candidates(z_ND, 50_000, generator=generator)
    scores = score_candidates(candidates, z_ND, sigma=sigma, leave_endpoints_out=True)
    chosen = select(scores.log_lds_M, TopFraction(0.2), generator=generator, candidates=candidates)

Needs torch and numpy alone; with numba (the extra "fast") scoring is faster. Functions that take tensors take numpy
arrays, half precision and tensors that need gradients as well, and refuse other things with a DataError.

The shapes, by their suffixes:

    N  training latents             D  dimensions of a latent     E  dimensions of the space of density
    M  candidates, or other points  A  selected candidates        O  candidates that a rule ranks, in its order
    H  held-out latents             K  strata, classes, or terms  P  pairs of parents
    L  latents that are parents     I, J  rows and columns of a square of pairs
    R  rows and C columns of a block; B  bins of a histogram
"""

from lds_mlflow.latent.bandwidth import Bandwidth, bandwidth, effective_neighbours
from lds_mlflow.latent.candidates import draw_candidates, interpolate
from lds_mlflow.latent.neighbours import nearest_latents
from lds_mlflow.latent.scoring.approximate import Certificate, NeighbourScorer, SubsampleScorer, certify
from lds_mlflow.latent.scoring.density import leave_one_out_log_density, log_density
from lds_mlflow.latent.scoring.exhaustive import Census, ExhaustiveScores, score_exhaustively
from lds_mlflow.latent.scoring.factored import score_factored
from lds_mlflow.latent.scoring.scorers import Scorer, score_candidates, score_directly
from lds_mlflow.latent.selecting.diagnosis import Diagnosis, diagnose
from lds_mlflow.latent.selecting.rules import Paper, PowerLaw, RandomFraction, Ranking, Rule, TopFraction
from lds_mlflow.latent.selecting.selection import SelectionLimits, SharpnessFilter, feasible_tau, select
from lds_mlflow.latent.selecting.strata import Strata, strata_of
from lds_mlflow.latent.selecting.threshold_rules import (
    ConformalThreshold,
    HighestDensity,
    Knee,
    Otsu,
    Threshold,
    TypicalSet,
)
from lds_mlflow.latent.selecting.thresholds import Modes, modes
from lds_mlflow.latent.space import LatentSpace, latent_space

__all__ = [
    "Bandwidth",
    "Census",
    "Certificate",
    "ConformalThreshold",
    "Diagnosis",
    "ExhaustiveScores",
    "HighestDensity",
    "Knee",
    "LatentSpace",
    "Modes",
    "NeighbourScorer",
    "Otsu",
    "Paper",
    "PowerLaw",
    "RandomFraction",
    "Ranking",
    "Rule",
    "Scorer",
    "SelectionLimits",
    "SharpnessFilter",
    "Strata",
    "SubsampleScorer",
    "Threshold",
    "TopFraction",
    "TypicalSet",
    "bandwidth",
    "certify",
    "diagnose",
    "draw_candidates",
    "effective_neighbours",
    "feasible_tau",
    "interpolate",
    "latent_space",
    "leave_one_out_log_density",
    "log_density",
    "modes",
    "nearest_latents",
    "score_candidates",
    "score_directly",
    "score_exhaustively",
    "score_factored",
    "select",
    "strata_of",
]
