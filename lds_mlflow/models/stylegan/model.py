"""The autoencoder as one module: encode(x) -> posterior, decode(z) -> x."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from lds_mlflow.choices import call
from lds_mlflow.choices.priors import GAUSSIAN, PRIORS
from lds_mlflow.models.autoencoder import Posterior, Reconstruction, Trainable
from lds_mlflow.models.mixture import Mixture
from lds_mlflow.models.stylegan.decoder import Decoder
from lds_mlflow.models.stylegan.discriminator import Discriminator
from lds_mlflow.models.stylegan.encoder import Encoder
from lds_mlflow.models.stylegan.losses import gaussian_nll
from lds_mlflow.models.stylegan.priors import Prior

__all__ = ["VAE", "VaeSpec"]

_SMALL = 32
"""Side in pixels of the largest images that a CPU decodes 16 at once."""


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
        prior: A key of PRIORS.
        components: Components of the prior; 0 where it is made of nothing.
        noise_inputs: Whether the decoder has noise inputs.
    """

    resolution: int
    channels: int
    channel_base: int
    channel_max: int
    latent_dim: int
    style_dim: int
    mapping_layers: int
    prior: str = GAUSSIAN
    components: int = 0
    noise_inputs: bool = False

    @property
    def widths(self) -> tuple[int, ...]:
        """Feature channels at 4x4, 8x8, ... up to `resolution`."""
        exponents = range(2, self.resolution.bit_length())
        return tuple(min(self.channel_base // 2**exponent, self.channel_max) for exponent in exponents)


class VAE(Trainable):
    """A variational autoencoder (Kingma and Welling 2014) with StyleGAN2's networks (Karras et al. 2020)."""

    kind: ClassVar[str] = "stylegan2-vae"
    """The name of its kind in AUTOENCODERS. (`stylegan-vae` stored weights before their equalized scale.)"""

    spec: VaeSpec

    def __init__(self, spec: VaeSpec) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec.channels, spec.widths, spec.latent_dim)
        self.decoder = Decoder(
            spec.channels,
            spec.widths,
            spec.latent_dim,
            spec.style_dim,
            spec.mapping_layers,
            noise_inputs=spec.noise_inputs,
        )
        self.prior = _prior_of(spec)
        self.to(memory_format=torch.channels_last)

    @classmethod
    def initialised(cls, spec: VaeSpec, seed: int) -> Self:
        """Returns a network whose weights depend only on `seed`; the global random state is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(spec)

    @classmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> Self:
        """See Trainable."""
        return cls(_spec_of(spec))

    def with_prior(self, kind: str, *, exemplars: int, pseudo_inputs: Tensor) -> Self:
        """Returns a copy of the network with another prior.

        Args:
            kind: A key of PRIORS.
            exemplars: Number of training images, each of which is a component of a prior that is made of examples.
            pseudo_inputs: What the components of one that is made of pseudo-inputs begin as: images in -1..1,
                [K, C, H, W].
        """
        components = {"nothing": 0, "examples": exemplars, "pseudo-inputs": len(pseudo_inputs)}
        model = type(self)(replace(self.spec, prior=kind, components=components[PRIORS[kind].made_of]))
        model.encoder.load_state_dict(self.encoder.state_dict())
        model.decoder.load_state_dict(self.decoder.state_dict())
        model.prior.begin_at(pseudo_inputs)
        return model

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(D,): a latent is a vector."""
        return (self.spec.latent_dim,)

    @property
    def decoded_at_once(self) -> int:
        """16 where images are small, whose layers compute for less time than it takes to call them; else 4."""
        return 16 if self.spec.resolution <= _SMALL else 4

    @property
    def prior_kind(self) -> str:
        """The kind of its prior, a key of PRIORS."""
        return self.spec.prior

    def encode(self, x: Tensor) -> Posterior:
        """Maps images, [B, C, H, W] in -1..1, to their posterior."""
        return Posterior(*self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Maps latents, [B, D], to images, [B, C, H, W], nominally in -1..1."""
        image: Tensor = self.decoder(z)
        return image

    def prior_mixture(self) -> Mixture | None:
        """Returns the prior as a mixture of Gaussians, or None for N(0, I)."""
        return self.prior.mixture(self.encode)

    def reconstruction(
        self, x: Tensor, y: Tensor, over_all: Callable[[Tensor], Tensor] = lambda mean: mean
    ) -> Reconstruction:
        """Returns the Gaussian negative log likelihood in nats an image, and the mean squared error in 0..1 units.

        Args:
            x: Images, [B, C, H, W] in -1..1.
            y: Reconstructions, likewise.
            over_all: Takes the mean of a figure over the other parts of the batch too, which other processes have.
        """
        mse = (x - y.detach()).square().mean() / 4
        return Reconstruction(gaussian_nll(x, y, over_all), {"reconstruction_mse": mse})

    def divergence(self, z: Tensor, posterior: Posterior, rows_B: Tensor) -> Tensor:
        """Returns the prior's term of the evidence lower bound of every image, [B], in nats.

        Args:
            z: A draw of each posterior, [B, D].
            posterior: The posteriors.
            rows_B: Each image's place among the training images, int64; for the exemplar prior.
        """
        return self.prior.divergence(z, posterior, rows_B, self.encode)

    def remember(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """Renews the exemplars of an exemplar prior from a training batch.

        Args:
            rows_B: Rows among the training images, int64.
            mean_BD: Their posterior means.
        """
        self.prior.keep(rows_B, mean_BD)

    def renew_prior(self, first_means: Callable[[int], Tensor]) -> None:
        """Sets the exemplars of an exemplar prior to the posterior means of the first training images.

        Args:
            first_means: Returns the posterior means of the first n training images, [n, D].
        """
        self.prior.renew(first_means)

    def freeze_encoder(self) -> None:
        """Keeps the encoder as it is in every later training step."""
        self.encoder.requires_grad_(False)

    def new_discriminator(self) -> Discriminator:
        """Returns a discriminator of images as wide as the decoder."""
        return Discriminator(self.spec.channels, self.spec.widths)

    def random_features(self) -> Callable[[Tensor], Tensor]:
        """Returns the features of a discriminator with random weights."""
        return self.new_discriminator().features

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        """Returns one reconstruction of every image, the z that it was decoded from, and the posterior.

        Args:
            x: Images, [B, C, H, W] in -1..1.
            noise_BD: Standard normal noise, by which z is drawn.
        """
        posterior = self.encode(x)
        z = posterior.at(noise_BD)
        return self.decode(z), z, posterior


def _spec_of(spec: Mapping[str, Any]) -> VaeSpec:
    if any(isinstance(value, str) != (name == "prior") for name, value in spec.items()):
        raise TypeError(f"a spec of other types: {spec}")
    if spec.get("prior", GAUSSIAN) not in PRIORS:
        raise TypeError(f"a spec of another prior, {spec['prior']}, than {', '.join(PRIORS)}")
    return VaeSpec(**spec)


def _prior_of(spec: VaeSpec) -> Prior:
    prior: Prior = call(PRIORS[spec.prior], lambda name: getattr(spec, name))
    return prior
