"""What the project needs from an autoencoder, and what it also needs from one that it trains.

The method needs only `encode` and `decode`. Latents may have any shape: `models/codec.py` flattens them for the rooms
that know latents as rows of a matrix, [N, D], and gives the decoder its own shape back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn

from lds_mlflow.errors import ArtifactError
from lds_mlflow.models.mixture import Mixture
from lds_mlflow.values import ModelWeights

__all__ = ["Autoencoder", "Posterior", "Reconstruction", "Trainable"]

_SHOWN_OF_AN_ERROR = 300


class Posterior(NamedTuple):
    """q(z | x) of a batch: a diagonal Gaussian, or a point where the encoder has no variance.

    Attributes:
        mean: Posterior means, [B, ...] in the model's latent shape, or flattened, [B, D].
        log_variance: Posterior log variances of the same shape, or None for a deterministic encoder.
    """

    mean: Tensor
    log_variance: Tensor | None = None

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """The mean and the log variance, of an encoder that has a variance."""
        assert self.log_variance is not None
        return self.mean, self.log_variance

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draws one z for every example. The generator lives on the CPU, so a seed means the same on every device."""
        return self.at(torch.randn(self.mean.shape, generator=generator))

    def at(self, noise: Tensor) -> Tensor:
        """Returns the z that standard normal noise stands for (the reparametrisation of Kingma and Welling 2014)."""
        if self.log_variance is None:
            return self.mean
        return self.mean + torch.exp(0.5 * self.log_variance) * noise.to(self.mean)


class Reconstruction(NamedTuple):
    """How well a batch is reconstructed.

    Attributes:
        nll: The negative log likelihood, a scalar in nats an example.
        figures: Figures of it by name, scalars without a gradient.
    """

    nll: Tensor
    figures: dict[str, Tensor]


class Autoencoder(Protocol):
    """A model that encodes examples into latents and decodes latents into examples."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one example's latent."""
        ...

    @property
    def decoded_at_once(self) -> int:
        """Number of latents that a CPU decodes in one call, also where a single example is asked for.

        More take less time each, up to where a call costs less than what it computes; a single one takes longer.
        """
        ...

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        ...

    def to(self, device: torch.device | str, /) -> Self:
        """Moves the model to a device and returns it."""
        ...

    def encode(self, x: Tensor, /) -> Posterior:
        """Maps examples in the model's range, [B, ...], to their posterior, in the latent shape."""
        ...

    def decode(self, z: Tensor, /) -> Tensor:
        """Maps latents, [B, ...] in the latent shape, to examples in the model's range."""
        ...

    def prior_mixture(self) -> Mixture | None:
        """Returns the prior of flattened latents as a mixture of Gaussians, or None for N(0, I)."""
        ...

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """Returns the model whose stored weights are given, ready to encode and decode.

        Raises:
            ArtifactError: The tensors don't fit the spec.
        """
        ...

    def to_weights(self) -> ModelWeights:
        """Returns a copy of the model's weights, on the CPU; their `kind` is a key of AUTOENCODERS."""
        ...


class Critic(nn.Module, ABC):
    """A discriminator: tells examples from what a model decodes."""

    @abstractmethod
    def features(self, x: Tensor, /) -> Tensor:
        """Maps examples in the model's range, [B, ...], to the features that decide, float32 [B, F]."""

    @abstractmethod
    def judge(self, x: Tensor, /, sets: int = 1) -> tuple[Tensor, Tensor]:
        """Judges sets of examples, each of which should be real as a whole or not at all: its variation counts too.

        Args:
            x: Examples in the model's range, [B, ...], one set after another.
            sets: Number of sets, which have equally many examples.

        Returns:
            Logits of being real, float32 [B]; and the features of a middle layer, [B, ...].
        """

    @abstractmethod
    def forward(self, x: Tensor, /, sets: int = 1) -> Tensor:
        """Maps examples in the model's range, [B, ...], to logits of being real, float32 [B]; see `judge`."""


class Trainable(nn.Module, ABC):
    """An autoencoder that the training room can fit: only that room and the steps train and finetune know of it.

    Attributes:
        kind: The name of its kind in AUTOENCODERS.
        spec: What determines the network: a dataclass.
    """

    kind: ClassVar[str]
    spec: Any

    @property
    @abstractmethod
    def latent_shape(self) -> tuple[int, ...]:
        """See Autoencoder."""

    @property
    @abstractmethod
    def decoded_at_once(self) -> int:
        """See Autoencoder."""

    @property
    def device(self) -> torch.device:
        """See Autoencoder."""
        return next(self.parameters()).device

    @abstractmethod
    def encode(self, x: Tensor, /) -> Posterior:
        """See Autoencoder; a trainable encoder has a variance."""

    @abstractmethod
    def decode(self, z: Tensor, /) -> Tensor:
        """See Autoencoder."""

    @abstractmethod
    def prior_mixture(self) -> Mixture | None:
        """See Autoencoder."""

    @classmethod
    @abstractmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> Self:
        """Returns a network of any weights.

        Args:
            spec: The fields of its spec, by name.

        Raises:
            TypeError: A field is missing, unknown, or of another type.
            ValueError: A field has an impossible value.
        """

    @classmethod
    def from_weights(cls, weights: ModelWeights) -> Self:
        """Returns the network whose stored weights are given, in evaluation mode.

        Raises:
            ArtifactError: The tensors don't fit the spec.
        """
        try:
            model = cls.of_spec(weights.spec)
            model.load_state_dict(weights.state)
        except (RuntimeError, TypeError, ValueError) as error:
            raise ArtifactError(
                "model weights",
                found=" ".join(str(error).split())[:_SHOWN_OF_AN_ERROR],
                expected="the tensors of the network that their spec describes",
                remedy="Train the model again, or restore the artifact.",
            ) from error
        return model.eval()

    def to_weights(self) -> ModelWeights:
        """Returns a copy of the network's weights, on the CPU."""
        state = {name: tensor.detach().cpu().clone() for name, tensor in self.state_dict().items()}
        return ModelWeights(spec=asdict(self.spec), state=state, kind=self.kind)

    @abstractmethod
    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        """Returns one reconstruction of every example, the z that it was decoded from, and the posterior.

        Where there is a discriminator, the reconstruction is what `decode` makes of that z.

        Args:
            x: Examples in the model's range, [B, ...].
            noise_BD: Standard normal noise, by which z is drawn.
        """

    @abstractmethod
    def reconstruction(
        self, x: Tensor, y: Tensor, over_all: Callable[[Tensor], Tensor] = lambda mean: mean
    ) -> Reconstruction:
        """Returns the likelihood's term of the evidence lower bound, and figures of the same reconstructions.

        Args:
            x: Examples in the model's range, [B, ...].
            y: What `forward` returns of them.
            over_all: Takes the mean of a figure over the other parts of the batch too, which other processes have.
        """

    def diagnose(self, _x: Tensor) -> dict[str, Tensor]:
        """Maps examples in the model's range, [B, ...], to figures that nothing decoded shows: scalars, means of B.

        Most models have none.
        """
        return {}

    @abstractmethod
    def divergence(self, z: Tensor, posterior: Posterior, rows_B: Tensor) -> Tensor:
        """Returns the prior's term of the evidence lower bound of every example, [B], in nats.

        Args:
            z: A draw of each posterior, [B, D].
            posterior: The posteriors.
            rows_B: Each example's row among the training examples, int64; one beyond them is no training example.
        """

    @abstractmethod
    def remember(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """Tells a prior that is made of posterior means those of a training batch; for other priors it does nothing.

        Args:
            rows_B: Rows among the training examples, int64.
            mean_BD: Their posterior means.
        """

    @abstractmethod
    def renew_prior(self, first_means: Callable[[int], Tensor]) -> None:
        """Recomputes a prior that is made of posterior means with the present encoder; for others it does nothing.

        Args:
            first_means: Returns the posterior means of the first n training examples, [n, D].
        """

    @abstractmethod
    def with_prior(self, kind: str, *, exemplars: int, pseudo_inputs: Tensor) -> Self:
        """Returns a copy of the model with another prior.

        Args:
            kind: A key of PRIORS.
            exemplars: Number of training examples, each of which is a component of a prior that is made of examples.
            pseudo_inputs: What the components of one that is made of pseudo-inputs begin as: examples in the model's
                range, [K, ...].
        """

    @property
    @abstractmethod
    def prior_kind(self) -> str:
        """The kind of its prior, a key of PRIORS."""

    @abstractmethod
    def freeze_encoder(self) -> None:
        """Keeps the encoder as it is in every later training step."""

    @abstractmethod
    def new_discriminator(self) -> "Critic":
        """Returns a discriminator for the examples that the model decodes.

        Raises:
            ConfigError: There is none for such examples.
        """

    @abstractmethod
    def random_features(self) -> Callable[[Tensor], Tensor]:
        """Returns a function with random weights from examples in the model's range, [B, ...], to features, [B, F].

        They tell samples apart that are far from examples, and need no network that others have trained.
        """
