"""The autoencoder as one module: encode(x) -> posterior, decode(z) -> x."""

from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError
from lds_mlflow.vae.decoder import Decoder
from lds_mlflow.vae.encoder import Encoder
from lds_mlflow.values import ModelWeights

__all__ = ["VAE", "Posterior", "VaeSpec"]

_SHOWN_OF_AN_ERROR = 300


@dataclass(frozen=True, slots=True)
class VaeSpec:
    """What determines the network.

    Attributes:
        resolution: Side of an image in pixels, a power of two, at least 8.
        channels: Colour channels, 1 or 3.
        channel_base: Feature channels at resolution r are min(channel_base / r, channel_max).
        channel_max: See channel_base.
        latent_dim: Dimensions of z.
        style_dim: Dimensions of w.
        mapping_layers: Layers from z to w.
    """

    resolution: int
    channels: int
    channel_base: int
    channel_max: int
    latent_dim: int
    style_dim: int
    mapping_layers: int

    @property
    def widths(self) -> tuple[int, ...]:
        """Feature channels at 4x4, 8x8, ... up to `resolution`."""
        exponents = range(2, self.resolution.bit_length())
        return tuple(min(self.channel_base // 2**exponent, self.channel_max) for exponent in exponents)


class Posterior(NamedTuple):
    """q(z | x), a diagonal Gaussian: mean and log_variance, each [B, D]."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draws one z for every image, [B, D]. The generator lives on the CPU, so a seed means the same anywhere."""
        noise = torch.randn(self.mean.shape, generator=generator).to(self.mean)
        return self.mean + torch.exp(0.5 * self.log_variance) * noise


class VAE(nn.Module):
    """A variational autoencoder (Kingma and Welling 2014) with StyleGAN2's networks (Karras et al. 2020)."""

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec.channels, spec.widths, spec.latent_dim)
        self.decoder = Decoder(spec.channels, spec.widths, spec.latent_dim, spec.style_dim, spec.mapping_layers)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def initialised(cls, spec: VaeSpec, seed: int) -> Self:
        """Returns a network whose weights depend on `seed` alone; the global random state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(spec)

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """Returns the network at rest in `weights`, in evaluation mode.

        Raises:
            ArtifactError: The tensors don't fit the spec.
        """
        try:
            model = cls(VaeSpec(**weights.spec))
            model.load_state_dict(weights.state)
        except (RuntimeError, TypeError) as error:
            raise ArtifactError(
                "model weights",
                found=" ".join(str(error).split())[:_SHOWN_OF_AN_ERROR],
                expected="the tensors of the network that their spec describes",
                remedy="Train the model again, or restore the artifact.",
            ) from error
        return model.eval()

    def to_weights(self) -> ModelWeights:
        """Returns a copy of the network at rest, on the CPU."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.state_dict().items()}
        return ModelWeights(spec=asdict(self.spec), state=state)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.parameters()).device

    def encode(self, x: Tensor) -> Posterior:
        """Maps images, [B, C, H, W] in -1..1, to their posterior."""
        return Posterior(*self.encoder(x.contiguous(memory_format=torch.channels_last)))

    def decode(self, z: Tensor) -> Tensor:
        """Maps latents, [B, D], to images, [B, C, H, W], nominally in -1..1."""
        image: Tensor = self.decoder(z)
        return image

    def forward(self, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Posterior]:
        """Returns one reconstruction of every image, from a draw of its posterior, and the posterior."""
        posterior = self.encode(x)
        return self.decode(posterior.sample(generator)), posterior
