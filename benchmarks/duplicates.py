"""Which copies of an image near_duplicates finds, and how many pairs it finds where nothing was planted.

    python -m benchmarks.duplicates [DATA ...]     # sources as data= takes them; digits if none, seconds
    python -m benchmarks.duplicates --quick        # the same with fewer copies

Copies of training images, each changed in one way, are put among the test images; a copy is found where it is paired
with its original. The last line is one JSON object.
"""

import io
import json
from collections.abc import Callable
from dataclasses import replace

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from lds_mlflow.data import Reading, load_images, near_duplicates, split_examples
from lds_mlflow.values import ExampleSet, Splits

__all__ = ["main"]

_COPIES, _QUICK_COPIES = 500, 50


@click.command()
@click.argument("sources", nargs=-1)
@click.option("--resolution", default=0, help="Side in pixels to bring the images to; 0 leaves them.")
@click.option("--quick", is_flag=True, help="Fewer copies.")
def main(sources: tuple[str, ...], resolution: int, quick: bool) -> None:
    """Plants copies and looks for them."""
    found: dict[str, dict[str, float]] = {}
    for source in sources or ("digits",):
        images = load_images(source, Reading(resolution=resolution))
        splits = split_examples(images, select_fraction=0.2, test_fraction=0.2, seed=0)
        plain = near_duplicates(splits)
        click.echo(f"\n{images.name}, {len(images):,} images: {plain.total:,} pairs across the parts")
        found[images.name] = {"pairs": plain.total}
        for name, change in _CHANGES.items():
            share = _share_found(splits, change, _QUICK_COPIES if quick else _COPIES)
            click.echo(f"  {name:24s} {share:.3f} of the copies found")
            found[images.name][name] = round(share, 4)
    click.echo(json.dumps(found))


def _share_found(splits: Splits, change: Callable[[Tensor], Tensor], n: int) -> float:
    rows = torch.randperm(len(splits.train), generator=torch.Generator().manual_seed(1))[:n]
    originals, test = splits.train.take(rows), splits.test
    names = [f"copy of {name}" for name in originals.ids_N]
    planted = replace(
        splits,
        train=_bare(splits.train),
        select=_bare(splits.select),
        test=ExampleSet(
            name=test.name,
            examples_N=torch.cat([test.examples_N, torch.stack([change(x) for x in originals.examples_N])]),
            ids_N=(*test.ids_N, *names),
        ),
    )
    pairs = near_duplicates(planted).pairs
    return len({pair.image_j for pair in pairs if pair.image_j == f"copy of {pair.image_i}"}) / len(rows)


def _bare(images: ExampleSet) -> ExampleSet:
    return ExampleSet(images.name, images.examples_N, images.ids_N)


def _rounded(image: Tensor) -> Tensor:
    return image.round().clamp(0, 255).to(torch.uint8)


def _jpeg(image_CHW: Tensor, quality: int) -> Tensor:
    pixels = image_CHW.permute(1, 2, 0).squeeze(2).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    read = torch.from_numpy(np.array(Image.open(buffer)))
    return read[None] if read.ndim == 2 else read.permute(2, 0, 1)


def _noise(image_CHW: Tensor) -> Tensor:
    return 5 * torch.randn(image_CHW.shape, generator=torch.Generator().manual_seed(0))


def _down_and_up(image_CHW: Tensor, factor: float) -> Tensor:
    side = image_CHW.shape[-1]
    resized: Tensor = functional.resize(functional.resize(image_CHW, [round(factor * side)] * 2), [side] * 2)
    return resized


_CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "JPEG, quality 70": lambda x: _jpeg(x, 70),
    "JPEG, quality 40": lambda x: _jpeg(x, 40),
    "brightness x 0.8": lambda x: _rounded(0.8 * x.float()),
    "brightness x 1.2": lambda x: _rounded(1.2 * x.float()),
    "contrast x 0.8": lambda x: _rounded(0.8 * (x.float() - 128) + 128),
    "noise, sd 5": lambda x: _rounded(x.float() + _noise(x)),
    "3/4 the size, and back": lambda x: _down_and_up(x, 0.75),
    "half the size, and back": lambda x: _down_and_up(x, 0.5),
    "moved by a pixel": lambda x: x.roll(1, -1),
}


if __name__ == "__main__":
    main()
