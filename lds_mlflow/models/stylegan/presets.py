"""The sizes that are known to work, as networks."""

from dataclasses import fields, replace

from lds_mlflow.choices.presets import PRESETS, SMALLEST_THAT_FITS, smallest_preset
from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan.model import VaeSpec
from lds_mlflow.values import IMAGES

__all__ = ["spec_for", "spec_of"]


def spec_of(preset: str) -> VaeSpec:
    """Returns the network of a key of PRESETS."""
    sizes = PRESETS[preset]._asdict()
    return VaeSpec(**{field.name: sizes[field.name] for field in fields(VaeSpec) if field.name in sizes})


def spec_for(preset: str, *, resolution: int, channels: int, domain: str = IMAGES) -> VaeSpec:
    """Returns the network for images of one form.

    Args:
        preset: A key of PRESETS, or SMALLEST_THAT_FITS for the smallest that holds the images.
        resolution: Side of the images in pixels.
        channels: Colour channels of the images.
        domain: The kind of examples, a key of DOMAINS.

    Raises:
        ConfigError: A named preset is for other images.
    """
    if preset == SMALLEST_THAT_FITS:
        closest = smallest_preset(resolution=resolution, channels=channels, domain=domain)
        return replace(spec_of(closest), resolution=resolution, channels=channels)
    spec = spec_of(preset)
    if (spec.resolution, spec.channels) != (resolution, channels):
        raise ConfigError(
            f"preset {preset}",
            found=f"images of {resolution}x{resolution} with {channels} channels",
            expected=f"{spec.resolution}x{spec.resolution} with {spec.channels}",
            remedy=f"Give resolution={spec.resolution} and channels={spec.channels}, or preset={SMALLEST_THAT_FITS}.",
        )
    return spec
