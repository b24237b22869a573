"""Draws that are repeated until they score high enough."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["draw_until"]

_MOST_TRIES = 50


def draw_until(
    propose: Callable[[list[torch.Generator]], tuple[Tensor, Tensor]],
    generators: list[torch.Generator],
    *,
    least: float,
) -> tuple[Tensor, Tensor]:
    """Draws by every generator, and draws again from its own stream until the score is high enough.

    Args:
        propose: Draws a latent by every generator that it is given, [B, D], and scores it, [B]. The same latent has to
            have the same score in any batch.
        generators: The generators, one a latent.
        least: The score to reach; a generator that doesn't in fifty draws has the best of them.

    Returns:
        The latents, [S, D], and their scores, [S].
    """
    z_SD, score_S = propose(generators)
    for _ in range(_MOST_TRIES - 1):
        waiting = torch.nonzero(score_S < least)[:, 0]
        if not len(waiting):
            break
        proposed, scores = propose([generators[i] for i in waiting.tolist()])
        is_better = scores > score_S[waiting]
        z_SD[waiting[is_better]] = proposed[is_better]
        score_S[waiting[is_better]] = scores[is_better]
    return z_SD, score_S
