"""The sizes that are known to work, by name."""

from dataclasses import replace

from lds_mlflow.errors import ConfigError
from lds_mlflow.models.stylegan.model import VaeSpec

__all__ = ["PRESETS", "spec_for"]

PRESETS: dict[str, VaeSpec] = {
    "digits": VaeSpec(8, 1, channel_base=512, channel_max=64, latent_dim=16, style_dim=64, mapping_layers=2),
    "grey32": VaeSpec(32, 1, channel_base=512, channel_max=128, latent_dim=32, style_dim=128, mapping_layers=2),
    "colour32": VaeSpec(32, 3, channel_base=1024, channel_max=128, latent_dim=64, style_dim=128, mapping_layers=2),
    "faces64": VaeSpec(64, 3, channel_base=2048, channel_max=256, latent_dim=128, style_dim=256, mapping_layers=2),
    "faces64-small": VaeSpec(64, 3, channel_base=1024, channel_max=128, latent_dim=64, style_dim=128, mapping_layers=2),
    "paper256": VaeSpec(256, 3, channel_base=16384, channel_max=512, latent_dim=512, style_dim=512, mapping_layers=2),
}
"""Names to networks; `paper256` is the draft's setting (section 4.1) at StyleGAN2's own widths."""


def spec_for(preset: str, *, resolution: int, channels: int) -> VaeSpec:
    """Returns the network for images of one form.

    Args:
        preset: A key of PRESETS, or "auto" for the smallest that holds the images.
        resolution: Side of the images in pixels.
        channels: Colour channels of the images.

    Raises:
        ConfigError: A named preset is for other images.
    """
    if preset == "auto":
        fitting = [spec for spec in PRESETS.values() if spec.resolution >= resolution] or [PRESETS["paper256"]]
        closest = min(fitting, key=lambda spec: (spec.resolution, spec.channels != channels))
        return replace(closest, resolution=resolution, channels=channels)
    spec = PRESETS[preset]
    if (spec.resolution, spec.channels) != (resolution, channels):
        raise ConfigError(
            f"preset {preset}",
            found=f"images of {resolution}x{resolution} with {channels} channels",
            expected=f"{spec.resolution}x{spec.resolution} with {spec.channels}",
            remedy=f"Give resolution={spec.resolution} and channels={spec.channels}, or preset=auto.",
        )
    return spec
