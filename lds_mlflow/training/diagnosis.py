"""Figures that show whether a variational autoencoder works as it should."""

import torch
from torch import Tensor

from lds_mlflow.models import Codec, Posterior, Scale, Trainable

__all__ = ["active_units", "diagnose"]

_ACTIVE_VARIANCE = 0.01
_AT_ONCE = 256


def active_units(mean_ND: Tensor) -> int:
    """Number of latent dimensions whose posterior mean varies over the data by more than 0.01.

    Source: Burda, Grosse and Salakhutdinov, Importance Weighted Autoencoders, 2016, section 5.2.
    """
    return int((mean_ND.var(0) > _ACTIVE_VARIANCE).sum())


def diagnose(model: Trainable, scale: Scale, examples_N: Tensor, rows_N: Tensor) -> dict[str, float]:
    """Measures a model on examples.

    Args:
        model: The model.
        scale: How stored examples become what the model sees.
        examples_N: The examples as they are stored, [N, ...].
        rows_N: Their rows among the training examples, int64; beyond these for other examples.

    Returns:
        `active_units`; `mean_over_spread`, |average mu| over the root mean square distance of mu from it (the draft's
        bandwidth depends on how far from the origin the latents lie); the figures of `Scale.compare`, of what is
        decoded from mu; those of `Trainable.diagnose`; and `kl`, log q(z | x) - log p(z), in nats an example (of one
        draw of each posterior, where the prior is not N(0, I)).
    """
    codec = Codec(model, scale)
    posterior = codec.encode(examples_N)
    mean = posterior.mean
    centre = mean.mean(0)
    spread = (mean - centre).square().sum(1).mean().sqrt()
    return {
        "active_units": float(active_units(mean)),
        "mean_over_spread": (centre.norm() / spread.clamp_min(torch.finfo(spread.dtype).tiny)).item(),
        **scale.compare(examples_N, codec.decode(mean)),
        **_further(model, scale, examples_N),
        "kl": _divergence(model, posterior, rows_N),
    }


@torch.inference_mode()
def _further(model: Trainable, scale: Scale, examples_N: Tensor) -> dict[str, float]:
    total: dict[str, float] = {}
    for some in examples_N.split(_AT_ONCE):
        for name, value in model.diagnose(scale.to_model(some.to(model.device))).items():
            total[name] = total.get(name, 0.0) + value.item() * len(some) / len(examples_N)
    return total


@torch.inference_mode()
def _divergence(model: Trainable, posterior: Posterior, rows_N: Tensor) -> float:
    z = posterior.sample(torch.Generator().manual_seed(0))
    on_device = Posterior(*(part.to(model.device) for part in posterior.moments))
    return model.divergence(z.to(model.device), on_device, rows_N.to(model.device)).mean().item()
