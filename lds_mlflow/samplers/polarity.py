"""Polarity sampling: proposals of the model's prior, weighted by how much the decoder stretches space around them.

The weight of a proposal is the volume to the power of the polarity, where the volume is the product of the largest
singular values of the decoder's Jacobian. A negative polarity prefers latents where the decoder changes little, whose
examples are dense (the modes); a positive one prefers rare examples; 0 is the prior. Source: Humayun et al., Polarity
Sampling: Quality and Diversity Control of Pre-Trained Generative Networks via Singular Values, CVPR 2022.

The paper draws from the proposals themselves. As volumes are costly, there are few proposals here, and seeds would
often share one. So a latent is a proposal that is moved: with the proposal as m + s e, for noise e of a component of
the prior with mean m and scale s, it is m + s (sqrt(1 - h^2) e + h e'), for new noise e'. Under the prior this move
leads to the prior again, so that what is drawn has the density of the prior times the mean weight around a latent. Two
seeds with the same proposal are h times as far apart as others.

Its distribution is a mixture of Gaussians (`lds_mlflow.samplers.mixtures`) with one component for every proposal.
"""

import math

import torch
from torch import Tensor

from lds_mlflow.errors import DataError
from lds_mlflow.machine.batches import in_batches
from lds_mlflow.models import Codec
from lds_mlflow.samplers.generator import prior_of
from lds_mlflow.samplers.mixtures import mixture_of
from lds_mlflow.samplers.weights import picked
from lds_mlflow.values import LatentDistribution

__all__ = ["log_volumes", "polarity_sampling"]

_PROPOSALS = 2000
_MOVE = 0.5
_LARGEST = 8
"""How many singular values a volume is the product of: the smallest ones are those of coordinates without a use."""
_DIRECTIONS = 32
_STEP = 0.01
_BATCH = 16


def polarity_sampling(codec: Codec, *, polarity: float, proposals: int = _PROPOSALS) -> LatentDistribution:
    """Measures the volume at proposals of the prior, which takes up to 33 decodings each, and weights them.

    Args:
        codec: The model.
        polarity: The power of the volume.
        proposals: How many proposals.

    Raises:
        DataError: The decoder gives a value that is not finite.
    """
    prior, generator = prior_of(codec).tensors, torch.Generator().manual_seed(0)
    noise = torch.randn(proposals, codec.latent_dim, generator=generator)
    component = picked(prior["cumulative"], torch.rand(proposals, generator=generator, dtype=torch.float64))
    mean, scale = prior["means"][component], prior["scales"].expand(len(prior["means"]), codec.latent_dim)[component]
    weights = (polarity * log_volumes(codec, mean + scale * noise)).softmax(0)
    effective = 1 / weights.square().sum().item()
    return mixture_of(
        "polarity",
        f"the prior by polarity {polarity:g}, {effective:,.0f} effective proposals",
        mean + math.sqrt(1 - _MOVE**2) * scale * noise,
        weights,
        scales=_MOVE * scale,
    )


def log_volumes(codec: Codec, z_SD: Tensor) -> Tensor:
    """Returns the log of the product of the 8 largest singular values of the decoder's Jacobian, float64 [S].

    The Jacobian is that of the model's own range, by differences over 0.01 (so that any decoder will do, also one that
    can't be differentiated), along every coordinate, or along 32 random orthogonal directions where there are more.

    Args:
        codec: The model.
        z_SD: Latents.

    Raises:
        DataError: The decoder gives a value that is not finite.
    """
    dim = codec.latent_dim
    directions = torch.eye(dim)
    if dim > _DIRECTIONS:
        random = torch.randn(dim, _DIRECTIONS, generator=torch.Generator().manual_seed(0))
        directions = torch.linalg.qr(random).Q.T.contiguous()
    directions = directions.to(codec.device)

    def decoded(z_BD: Tensor) -> Tensor:
        return codec.model.decode(z_BD.unflatten(1, codec.model.latent_shape)).flatten(1)

    def measured(z_BD: Tensor) -> Tensor:
        here = decoded(z_BD)
        jacobian_BRP = torch.stack([decoded(z_BD + _STEP * direction) - here for direction in directions], 1) / _STEP
        return jacobian_BRP @ jacobian_BRP.mT

    gram_SRR = in_batches(measured, z_SD, _BATCH, "volumes of the decoder", device=codec.device).double()
    if not gram_SRR.isfinite().all():
        raise DataError(
            "the decoder's change around a draw of the prior",
            found="a value that is not finite",
            expected="finite numbers",
            remedy="Train the model again with a smaller learning rate.",
        )
    squared: Tensor = torch.linalg.eigvalsh(gram_SRR)[:, -_LARGEST:]
    return 0.5 * squared.clamp(min=torch.finfo(torch.float32).tiny).log().sum(1)
