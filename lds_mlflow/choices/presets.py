"""Sizes of the network that are known to work."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "LARGEST",
    "PRESETS",
    "SEQUENCES",
    "SMALLEST_THAT_FITS",
    "Preset",
    "SequencePreset",
    "named_preset",
    "smallest_preset",
    "usual_preset",
]

SMALLEST_THAT_FITS = "auto"
"""Takes the smallest preset that holds the images, and the default."""

LARGEST = "paper256"
"""The draft's setting (section 4.1) at StyleGAN2's own widths."""


class Preset(NamedTuple):
    """A size of the network; the attributes without a description are those of `VaeSpec`.

    Attributes:
        says: Which images it is for, in a short phrase for the help text.
        batch_size: Images in a batch, unless another number is given.
        most_steps: The most steps of a training that ends by itself, unless another number is given.
        domain: The kind of examples that it is for, a key of DOMAINS.
    """

    says: str
    resolution: int
    channels: int
    channel_base: int
    channel_max: int
    latent_dim: int
    style_dim: int
    mapping_layers: int = 2
    batch_size: int = 16
    most_steps: int = 20_000
    domain: str = "images"


class SequencePreset(NamedTuple):
    """A size of the network of sequences; the attributes without a description are those of `SequenceSpec`.

    Attributes:
        says: Which sequences it is for, in a short phrase for the help text.
        batch_size: Sequences in a batch, unless another number is given.
        most_steps: The most steps of a training that ends by itself, unless another number is given.
    """

    says: str
    embedding: int
    encoder_width: int
    decoder_width: int
    latent_dim: int
    batch_size: int
    most_steps: int


PRESETS = {
    "digits": Preset(
        "8x8, grey",
        8,
        1,
        channel_base=512,
        channel_max=64,
        latent_dim=16,
        style_dim=64,
        most_steps=5_000,
    ),
    "grey32": Preset("32x32, grey", 32, 1, channel_base=512, channel_max=128, latent_dim=32, style_dim=128),
    "colour32": Preset("32x32, colour", 32, 3, channel_base=1024, channel_max=128, latent_dim=64, style_dim=128),
    "faces64": Preset("64x64, colour", 64, 3, channel_base=2048, channel_max=256, latent_dim=128, style_dim=256),
    "faces64-small": Preset(
        "64x64, colour, with a quarter of the weights",
        64,
        3,
        channel_base=1024,
        channel_max=128,
        latent_dim=64,
        style_dim=128,
    ),
    "sound64": Preset(
        "64x64, grey, of sound",
        64,
        1,
        channel_base=512,
        channel_max=64,
        latent_dim=32,
        style_dim=128,
        most_steps=2_000,
        domain="sound",
    ),
    LARGEST: Preset(
        "256x256, colour, the draft's", 256, 3, channel_base=16384, channel_max=512, latent_dim=512, style_dim=512
    ),
}
"""The presets of images by name."""

SEQUENCES = {
    "tokens": SequencePreset(
        "sequences of tokens, such as molecules",
        embedding=64,
        encoder_width=128,
        decoder_width=256,
        latent_dim=128,
        batch_size=64,
        most_steps=800,
    )
}
"""The presets of sequences by name; the first is the default."""

_AXES_OF_A_SEQUENCE = 1


def named_preset(name: str) -> Preset | SequencePreset:
    """Returns a preset by its name."""
    return SEQUENCES[name] if name in SEQUENCES else PRESETS[name]


def usual_preset(shape: Sequence[int], domain: str) -> Preset | SequencePreset:
    """Returns the preset that suits examples of a shape, [L] of sequences or [C, H, W] of pictures, and of a kind."""
    if len(shape) == _AXES_OF_A_SEQUENCE:
        return next(iter(SEQUENCES.values()))
    return PRESETS[smallest_preset(resolution=shape[-1], channels=shape[0], domain=domain)]


def smallest_preset(*, resolution: int, channels: int, domain: str = "images") -> str:
    """Returns the name of the smallest preset that holds examples of one form; of the largest where none does.

    Args:
        resolution: Side of the images in pixels.
        channels: Colour channels of the images.
        domain: The kind of examples; one that has no preset takes those of images.
    """
    named = domain if any(preset.domain == domain for preset in PRESETS.values()) else PRESETS[LARGEST].domain
    own = [name for name, preset in PRESETS.items() if preset.domain == named]
    fitting = [name for name in own if PRESETS[name].resolution >= resolution] or [LARGEST]
    return min(fitting, key=lambda name: (PRESETS[name].resolution, PRESETS[name].channels != channels))
