"""A CLIP that is small enough for any test."""

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_clip import CLIPVisual

__all__ = ["clip_state"]


def clip_state() -> dict[str, Tensor]:
    """Returns random weights, under OpenAI's names: images of 32 pixels, embeddings of 16 numbers."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        visual = CLIPVisual(16, 32, 2, 64, 8)
    return {**visual.state_dict(), "text_projection": torch.zeros(8, 16), "logit_scale": torch.ones(())}
