"""A variational autoencoder of sequences of tokens: encode(x) -> posterior, decode(z) -> x.

It follows the recipe of the VAE in Polykarpovskiy et al., Molecular Sets (MOSES), 2020: gated recurrent units as
encoder and decoder, 128 latent dimensions, and a small weight of the KL term. The networks are smaller, so that a CPU
trains them in minutes, and the encoder reads in both directions.

A token is stored as a number that no other token has, and 0 follows the end of a sequence. The model knows the tokens
of its training examples: its vocabulary, one of its tensors.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from lds_mlflow.choices.presets import SEQUENCES, SMALLEST_THAT_FITS
from lds_mlflow.choices.priors import GAUSSIAN
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.autoencoder import Critic, Posterior, Reconstruction, Trainable
from lds_mlflow.models.precision import in_float32
from lds_mlflow.models.sequence.networks import Decoder, Encoder, lengths_of
from lds_mlflow.models.stylegan.losses import kl_divergence

__all__ = ["SequenceSpec", "SequenceVAE"]

_LOG_VARIANCE_RANGE = (-10.0, 4.0)
_RANDOM_FEATURES = 128


@dataclass(frozen=True, slots=True)
class SequenceSpec:
    """What determines the network.

    Attributes:
        n_tokens: V, the size of the vocabulary.
        length: The longest sequence that it writes, in tokens.
        embedding: Width of a token's embedding.
        encoder_width: Width of the encoder's recurrent state, of each direction.
        decoder_width: Width of the decoder's recurrent state.
        latent_dim: D.
    """

    n_tokens: int
    length: int
    embedding: int
    encoder_width: int
    decoder_width: int
    latent_dim: int


class SequenceVAE(Trainable):
    """A variational autoencoder (Kingma and Welling 2014) of sequences, by gated recurrent units."""

    kind: ClassVar[str] = "sequence-vae"
    """The name of its kind in AUTOENCODERS."""

    spec: SequenceSpec
    vocabulary: Tensor

    def __init__(self, spec: SequenceSpec) -> None:
        super().__init__()
        self.spec = spec
        n_numbers = spec.n_tokens + 2
        self.register_buffer("vocabulary", torch.zeros(spec.n_tokens, dtype=torch.int64))
        self.encoder = Encoder(n_numbers, spec.embedding, spec.encoder_width, spec.latent_dim)
        self.decoder = Decoder(n_numbers, spec.embedding, spec.decoder_width, spec.latent_dim)

    @classmethod
    def initialised(cls, spec: SequenceSpec, vocabulary_V: Tensor, seed: int) -> Self:
        """Returns a network whose weights depend only on `seed`; the global random state is left as it was.

        Args:
            spec: The network.
            vocabulary_V: The tokens that it knows, in ascending order, int64.
            seed: Seed of the weights.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = cls(spec)
        model.vocabulary.copy_(vocabulary_V)
        return model

    @classmethod
    def for_examples(cls, preset: str, examples_NL: Tensor, seed: int, *, latent_dim: int = 0) -> Self:
        """Returns a network with initial weights that knows the tokens of training examples, int64 [N, L].

        Args:
            preset: A key of SEQUENCES, or SMALLEST_THAT_FITS for the first.
            examples_NL: The training examples; L is the longest sequence that it writes.
            seed: Seed of the weights.
            latent_dim: Dimensions of a latent; 0 for the preset's.
        """
        sizes = SEQUENCES[next(iter(SEQUENCES)) if preset == SMALLEST_THAT_FITS else preset]
        tokens = examples_NL.unique()
        vocabulary = tokens[tokens != 0]
        spec = SequenceSpec(
            n_tokens=len(vocabulary),
            length=examples_NL.shape[1],
            embedding=sizes.embedding,
            encoder_width=sizes.encoder_width,
            decoder_width=sizes.decoder_width,
            latent_dim=latent_dim or sizes.latent_dim,
        )
        return cls.initialised(spec, vocabulary, seed)

    @classmethod
    def of_spec(cls, spec: Mapping[str, Any]) -> Self:
        """See Trainable."""
        return cls(SequenceSpec(**{name: int(value) for name, value in spec.items()}))

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(D,): a latent is a vector."""
        return (self.spec.latent_dim,)

    @property
    def decoded_at_once(self) -> int:
        """32: a token takes several calls, which compute little."""
        return 32

    @property
    def prior_kind(self) -> str:
        """The standard normal distribution, the only prior that it has."""
        return GAUSSIAN

    def encode(self, x: Tensor) -> Posterior:
        """Maps sequences of tokens, int64 [B, L], to their posterior."""
        with in_float32(x):
            mean, log_variance = self.encoder(self._numbers(x))
            return Posterior(mean, log_variance.clamp(*_LOG_VARIANCE_RANGE))

    def decode(self, z: Tensor) -> Tensor:
        """Maps latents, [B, D], to sequences of tokens, int64 [B, length]: a function of each latent alone."""
        numbers = self.decoder.write(z, self.spec.length)
        return torch.cat([numbers.new_zeros(1), self.vocabulary])[numbers]

    def forward(self, x: Tensor, noise_BD: Tensor) -> tuple[Tensor, Tensor, Posterior]:
        """Returns the logits of every token when those before it are given, [B, L, V + 2], z, and the posterior.

        Args:
            x: Sequences of tokens, int64 [B, L].
            noise_BD: Standard normal noise, by which z is drawn.
        """
        posterior = self.encode(x)
        z = posterior.at(noise_BD)
        with in_float32(x):
            return self.decoder(z, self._numbers(x)), z, posterior

    def reconstruction(
        self, x: Tensor, y: Tensor, _over_all: Callable[[Tensor], Tensor] = lambda mean: mean
    ) -> Reconstruction:
        """Returns the cross entropy of all tokens and ends, in nats a sequence, and the share of them that is right.

        Both are by teacher forcing: the decoder is given the tokens before each.

        Args:
            x: Sequences of tokens, int64 [B, L].
            y: The logits, [B, L, V + 2].
        """
        numbers = self._numbers(x)
        is_within = torch.arange(x.shape[1], device=x.device) < lengths_of(numbers)[:, None]
        nats_BL = cross_entropy(y.transpose(1, 2), numbers, reduction="none")
        is_right = (y.detach().argmax(2) == numbers) & is_within
        return Reconstruction(
            (nats_BL * is_within).sum() / len(x), {"token_accuracy": is_right.sum() / is_within.sum()}
        )

    def diagnose(self, x: Tensor) -> dict[str, Tensor]:
        """Returns the token accuracy of sequences that are reconstructed from their posterior means."""
        y, _, _ = self(x, torch.zeros(len(x), self.spec.latent_dim, device=x.device))
        return self.reconstruction(x, y).figures

    def prior_mixture(self) -> None:
        """Returns None: the prior is N(0, I)."""

    def divergence(self, _z: Tensor, posterior: Posterior, _rows_B: Tensor) -> Tensor:
        """Returns the KL divergence of every posterior from N(0, I), [B], in nats."""
        return kl_divergence(*posterior.moments)

    def remember(self, rows_B: Tensor, mean_BD: Tensor) -> None:
        """Does nothing: its prior is not made of posterior means."""

    def renew_prior(self, first_means: Callable[[int], Tensor]) -> None:
        """Does nothing: its prior is not made of posterior means."""

    def with_prior(self, kind: str, *, exemplars: int, pseudo_inputs: Tensor) -> Self:
        """Refuses any other prior."""
        raise ConfigError(
            "prior",
            found=f"{kind} (of {exemplars:,} examples or {len(pseudo_inputs):,} pseudo-inputs), for sequences",
            expected=f"{GAUSSIAN}, the only prior that it has",
            remedy=f"Give {GAUSSIAN}, or leave it out.",
        )

    def freeze_encoder(self) -> None:
        """Keeps the encoder as it is in every later training step."""
        self.encoder.requires_grad_(False)

    def new_discriminator(self) -> Critic:
        """Refuses: no gradient flows back through the choice of a token."""
        raise ConfigError(
            "recipe",
            found="a loss with a discriminator, for a model of sequences of tokens",
            expected="a recipe without one: no gradient flows back through the choice of a token",
            remedy="Give recipe=sequence, and leave out adversarial_weight and feature_weight.",
        )

    def random_features(self) -> Callable[[Tensor], Tensor]:
        """Returns a function with random weights: how often tokens and pairs of neighbours occur, mixed at random."""
        n_numbers = self.spec.n_tokens + 2
        single, before, after = (torch.randn(n_numbers, _RANDOM_FEATURES) for _ in range(3))

        def features(x: Tensor) -> Tensor:
            numbers = self._numbers(x.to(self.vocabulary.device)).cpu()
            lengths = lengths_of(numbers)
            is_within = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
            pairs = before[numbers[:, :-1]] * after[numbers[:, 1:]] * is_within[:, 1:]
            return torch.cat([(single[numbers] * is_within).sum(1), pairs.sum(1)], 1)

        return features

    def _numbers(self, x: Tensor) -> Tensor:
        """Returns the numbers of tokens: 0 for what follows an end, 1..V, and V + 1 for one that it doesn't know."""
        n = self.spec.n_tokens
        place = torch.searchsorted(self.vocabulary, x).clamp(max=n - 1)
        return torch.where(x == 0, 0, torch.where(self.vocabulary[place] == x, place + 1, n + 1))
