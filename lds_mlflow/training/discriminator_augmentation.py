r"""Random changes of the images that a discriminator sees, against its learning few training images by heart.

Real and generated images are changed alike, and the gradient of the generator flows through the changes: so it learns
to make images as they are, and not changed ones.

- `diffaugment`: colour, translation and cutout, always (Zhao et al., Differentiable Augmentation for Data-Efficient GAN
  Training, 2020, section 3.2 and its "Color + Translation + Cutout").
- `ada`: each change with a probability p, which rises where the discriminator knows training images too well (Karras et
  al., Training Generative Adversarial Networks with Limited Data, 2020, section 3). r = E[sign D(x)] over training
  images tells how well; p moves by a fixed amount towards r = 0.6. Of the paper's changes there are mirroring,
  translation, isotropic scaling, brightness, contrast and saturation. Rotation is left out: it takes an interpolation
  whose gradient no GPU computes with the same bits twice.

Every change of the place is a product of images with matrices of interpolation weights along either axis, with static
shapes. All random numbers are given: nothing here draws any.
"""

from math import log, sqrt

import torch
from torch import Tensor, nn

from lds_mlflow.models.precision import in_float32

__all__ = ["N_CHANCES", "AdaptiveAugment", "DiffAugment", "Unchanged"]

N_CHANCES = 16
"""Numbers that are uniform on 0..1 which an image's change takes at most."""

_TARGET = 0.6
_IMAGES_TO_CERTAINTY = 100_000
"""Images over which p may rise from 0 to 1. The paper's number is 500,000, for trainings of 25,000,000 images."""

_BATCHES_OF_MEAN = 4
_LEAST_CHANCE = 1e-6


class Unchanged(nn.Module):
    """Leaves images as they are."""

    def __init__(self) -> None:
        super().__init__()

    def forward(self, x: Tensor, _chances: Tensor) -> Tensor:
        """Changes images.

        Args:
            x: Images, [B, C, H, W] in -1..1.
            _chances: Uniform on 0..1, [B, N_CHANCES].
        """
        return x

    def adapt(self, sign: Tensor, n: int, is_counted: Tensor) -> None:
        """Learns from a step how often to change images, where that depends on it.

        Args:
            sign: Mean sign of the discriminator's logits of training images, a scalar on the device.
            n: Number of training images in the step.
            is_counted: Whether the step was taken, a Boolean scalar on the device.
        """

    def figures(self) -> dict[str, Tensor]:
        """Returns figures of its state by name, scalars on the device."""
        return {}


class DiffAugment(Unchanged):
    """Colour, translation and cutout of every image."""

    def forward(self, x: Tensor, chances: Tensor) -> Tensor:
        """See Unchanged."""
        brightness, saturation, contrast, down, right, *centre = chances.T
        with in_float32(x):
            x = _coloured(x, brightness - 0.5, 2 * saturation, contrast + 0.5)
            shifts = ((2 * shift - 1) * (side / 8) for shift, side in ((down, x.shape[2]), (right, x.shape[3])))
            rows, columns = (
                _interpolation(_grid(side, x) - shift.round()[:, None])
                for shift, side in zip(shifts, x.shape[2:], strict=True)
            )
            return _resampled(x, rows, columns) * _outside_of_a_square(x, centre[0], centre[1])


class AdaptiveAugment(Unchanged):
    """Changes of which each is made with an adaptive probability.

    Attributes:
        probability: p, a scalar.
        sign: Mean sign of the discriminator at training images over the last steps, a scalar.
    """

    probability: Tensor
    sign: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("probability", torch.zeros(()))
        self.register_buffer("sign", torch.zeros(()))

    def forward(self, x: Tensor, chances: Tensor) -> Tensor:
        """See Unchanged."""
        mirrored, _, scale, down, right, brightness, contrast, saturation, *gates = chances.T
        is_made = [gate < self.probability for gate in gates[:6]]

        def where(place: int, changed: Tensor, usual: float) -> Tensor:
            return torch.where(is_made[place], changed, usual)

        with in_float32(x):
            direction = where(0, torch.where(mirrored < 0.5, -1.0, 1.0), 1.0)[:, None]
            size = where(1, (0.2 * log(2) * _normal(scale)).exp(), 1.0)[:, None]
            axes = []
            for shift, side, sense in ((down, x.shape[2], 1.0), (right, x.shape[3], direction)):
                centred = _grid(side, x) - (side - 1) / 2 - where(2, (2 * shift - 1) * (side / 8), 0.0)[:, None]
                axes.append(_interpolation(_reflected(sense * centred / size + (side - 1) / 2, side)))
            x = _resampled(x, *axes)
            return _coloured(
                x,
                where(3, 0.2 * _normal(brightness), 0.0),
                where(4, (log(2) * _normal(saturation)).exp(), 1.0),
                where(5, (0.5 * log(2) * _normal(contrast)).exp(), 1.0),
            )

    def adapt(self, sign: Tensor, n: int, is_counted: Tensor) -> None:
        """See Unchanged."""
        mean = self.sign + (sign - self.sign) / _BATCHES_OF_MEAN
        moved = self.probability + (mean - _TARGET).sign() * (n / _IMAGES_TO_CERTAINTY)
        self.sign.copy_(torch.where(is_counted, mean, self.sign))
        self.probability.copy_(torch.where(is_counted, moved.clamp(0, 1), self.probability))

    def figures(self) -> dict[str, Tensor]:
        """See Unchanged."""
        return {"augmentation_probability": self.probability}


def _coloured(x: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Adds to the brightness of images, and multiplies distances from their greys, and from their means; each [B]."""
    brightness, saturation, contrast = (one[:, None, None, None] for one in (brightness, saturation, contrast))
    x = x + brightness
    if x.shape[1] > 1:
        x = torch.lerp(x.mean(1, keepdim=True), x, saturation)
    return torch.lerp(x.mean((1, 2, 3), keepdim=True), x, contrast)


def _normal(chance: Tensor) -> Tensor:
    """Returns the standard normal numbers that uniform ones stand for."""
    return sqrt(2) * torch.erfinv(2 * chance.clamp(_LEAST_CHANCE, 1 - _LEAST_CHANCE) - 1)


def _grid(side: int, like: Tensor) -> Tensor:
    return torch.arange(side, device=like.device, dtype=torch.float32)


def _reflected(places: Tensor, side: int) -> Tensor:
    """Returns the places in an image that is continued by mirror images."""
    period = torch.remainder(places + 0.5, 2 * side)
    return (torch.minimum(period, 2 * side - period) - 0.5).clamp(0, side - 1)


def _interpolation(places: Tensor) -> Tensor:
    """Returns the weights of linear interpolation at places of a line, [B, n]: [B, n, n]; 0 outside of it."""
    return (1 - (places[:, :, None] - _grid(places.shape[1], places)).abs()).clamp_min(0)


def _resampled(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    return rows[:, None] @ x.float() @ columns[:, None].transpose(2, 3)


def _outside_of_a_square(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Returns 0 in a square of half the side, around places anywhere in the images, and 1 outside: [B, 1, H, W]."""
    height, width = x.shape[2:]
    is_row, is_column = (
        (_grid(side, x) + 0.5 - place[:, None] * side).abs() < side / 4
        for place, side in ((down, height), (right, width))
    )
    return 1 - (is_row[:, None, :, None] & is_column[:, None, None, :]).float()
