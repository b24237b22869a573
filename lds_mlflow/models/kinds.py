"""The kinds of autoencoders, by the name that stored weights have for each: a new kind is one class and one entry."""

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from lds_mlflow.choices.presets import PRESETS, SEQUENCES, SMALLEST_THAT_FITS
from lds_mlflow.errors import ArtifactError, ConfigError
from lds_mlflow.models.autoencoder import Autoencoder, Trainable
from lds_mlflow.models.own.pair import ExportedPair
from lds_mlflow.models.sequence import SequenceVAE
from lds_mlflow.models.stylegan import VAE, spec_for
from lds_mlflow.values import IMAGES, ModelWeights

__all__ = ["AUTOENCODERS", "is_trainable", "new_model", "open_model", "trainable"]

AUTOENCODERS: dict[str, type[Autoencoder]] = {
    VAE.kind: VAE,
    ExportedPair.kind: ExportedPair,
    SequenceVAE.kind: SequenceVAE,
}
"""The class of every kind."""

_AXES_OF_A_PICTURE, _AXES_OF_A_SEQUENCE = 3, 1


def open_model(weights: ModelWeights) -> Autoencoder:
    """Returns the autoencoder whose stored weights are given.

    Raises:
        ArtifactError: Its kind is unknown, or the tensors don't fit it.
    """
    if weights.kind not in AUTOENCODERS:
        raise ArtifactError(
            "model weights",
            found=f"a model of the kind {weights.kind or 'that has no name'}",
            expected=f"one of {', '.join(AUTOENCODERS)}",
            remedy="Install the version of the project that made the model, or train the model again.",
        )
    return AUTOENCODERS[weights.kind].from_weights(weights)


def new_model(
    preset: str,
    examples_N: Tensor,
    seed: int,
    *,
    latent_dim: int = 0,
    noise_inputs: bool = False,
    domain: str = IMAGES,
) -> Trainable:
    """Returns a network with initial weights.

    Args:
        preset: The size of the network: a key of PRESETS or SEQUENCES, or SMALLEST_THAT_FITS.
        examples_N: The training examples as they are stored: pictures, [N, C, H, W], or sequences of tokens, int64
            [N, L]. The model of sequences takes its vocabulary from them; of pictures only the shape counts.
        seed: Seed of the initial weights, which depend on nothing else.
        latent_dim: Dimensions of a latent; 0 for the preset's.
        noise_inputs: Whether the decoder has noise inputs.
        domain: The kind of examples, a key of DOMAINS.

    Raises:
        ConfigError: The preset is for examples of another shape, or the decoder can't have noise inputs.
    """
    shape = tuple(examples_N.shape[1:])
    if len(shape) == _AXES_OF_A_PICTURE:
        _require_preset(preset, PRESETS, "pictures")
        channels, _, resolution = shape
        spec = spec_for(preset, resolution=resolution, channels=channels, domain=domain)
        spec = replace(spec, latent_dim=latent_dim or spec.latent_dim, noise_inputs=noise_inputs)
        return VAE.initialised(spec, seed)
    if len(shape) == _AXES_OF_A_SEQUENCE and examples_N.dtype == torch.int64:
        _require_preset(preset, SEQUENCES, "sequences of tokens")
        _require_no_noise(noise_inputs)
        return SequenceVAE.for_examples(preset, examples_N, seed, latent_dim=latent_dim)
    raise ConfigError(
        f"preset {preset}",
        found=f"examples of the shape {shape}",
        expected="images (channels, height, width) or sequences: the project can train no other model yet",
        remedy="Give the run of a model that was made elsewhere as train_run or model_run.",
    )


def _require_preset(preset: str, presets: Collection[str], what: str) -> None:
    if preset not in (SMALLEST_THAT_FITS, *presets):
        raise ConfigError(
            f"preset {preset}",
            found=what,
            expected=f"a preset for them: {', '.join((SMALLEST_THAT_FITS, *presets))}",
            remedy="Give one of these.",
        )


def _require_no_noise(noise_inputs: bool) -> None:
    if noise_inputs:
        raise ConfigError(
            "noise_inputs=true",
            found="sequences of tokens",
            expected="pictures, whose decoder can have noise inputs",
            remedy="Leave out noise_inputs.",
        )


def is_trainable(weights: ModelWeights) -> bool:
    """Returns whether the project can train the model whose stored weights are given."""
    return issubclass(AUTOENCODERS.get(weights.kind, object), Trainable)


def trainable(model: Autoencoder) -> Trainable:
    """Returns the model itself, typed as one that can be trained.

    Raises:
        ArtifactError: It can't be trained.
    """
    if isinstance(model, Trainable):
        return model
    raise ArtifactError(
        "the model to train",
        found=f"a model of the kind {model.to_weights().kind}, which can only encode and decode",
        expected="a model that the project can train, such as one made by the step train",
        remedy="Evaluate, sample, register or augment with this model, and train another one with the step train.",
    )
