"""Step `data`: read the images once, check them, and divide them."""

from hashlib import sha256

import pandas as pd
import torch

from lds_mlflow.config import DataConfig
from lds_mlflow.context import Context
from lds_mlflow.data import NearDuplicates, describe_source, limit_images, load_images, near_duplicates, split_images
from lds_mlflow.pictures import image_grid, paired_grid
from lds_mlflow.values import ImageSet

__all__ = ["outside", "run"]

_SHOWN = 64


def outside(config: DataConfig) -> str:
    """Returns a digest of the files that the step reads; fails where there are none."""
    return describe_source(config.data)


def run(config: DataConfig, context: Context) -> str:
    """Stores the parts as `train`, `select` and `test`, and `reserve` if there is one."""
    everything = load_images(config.data, resolution=config.resolution, channels=config.channels, label=config.label)
    images = limit_images(everything, config.limit, seed=config.split_seed)
    splits = split_images(
        images,
        select_fraction=config.select_fraction,
        test_fraction=config.test_fraction,
        reserve_fraction=config.reserve_fraction,
        seed=config.split_seed,
    )
    parts = {"train": splits.train, "select": splits.select, "test": splits.test}
    if splits.reserve:
        parts["reserve"] = splits.reserve
    for name, part in parts.items():
        context.run.log_value(part, name)
        context.run.log_dataset(
            f"{part.name} ({name})", source=config.data, digest=part.digest, context=name, n_images=len(part)
        )
        context.run.log_metrics({f"data/{name}_images": len(part)})
    context.run.log_metrics({"data/classes": len(images.class_names_K)})
    context.run.log_picture(image_grid(splits.train.spread(_SHOWN).images_NCHW), "pictures/real.png")
    context.run.log_table(_division(parts), "splits.csv")
    duplicates = near_duplicates(splits)
    _log_near_duplicates(duplicates, parts, context)
    _, channels, side, _ = images.images_NCHW.shape
    classes = f", {len(images.class_names_K)} classes" if images.class_names_K else ", no classes"
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    return f"{images.name}: {len(images):,} images of {side}x{side}x{channels}{classes}; {sizes}{_note(duplicates)}"


def _division(parts: dict[str, ImageSet]) -> pd.DataFrame:
    rows = [
        (image_id, name, sha256(image_CHW.numpy().tobytes()).hexdigest())
        for name, part in parts.items()
        for image_id, image_CHW in zip(part.image_ids_N, part.images_NCHW, strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", "part", "digest"])


def _log_near_duplicates(found: NearDuplicates, parts: dict[str, ImageSet], context: Context) -> None:
    by_parts = {f"data/near_duplicates_{one}_{other}": count for (one, other), count in found.counts.items()}
    context.run.log_metrics({"data/near_duplicates": found.total} | by_parts)
    if not found.pairs:
        return
    context.run.log_table(pd.DataFrame(found.pairs), "near_duplicates.csv")
    shown = found.pairs[:_SHOWN]
    above = torch.stack([parts[pair.part_i].images_NCHW[pair.i] for pair in shown])
    below = torch.stack([parts[pair.part_j].images_NCHW[pair.j] for pair in shown])
    context.run.log_picture(paired_grid(above, below), "pictures/near_duplicates.png")


def _note(found: NearDuplicates) -> str:
    if not found.pairs:
        return ""
    where = ", ".join(f"{count:,} of {one} and {other}" for (one, other), count in found.counts.items() if count)
    return (
        f"\nNote: near-duplicate pairs across the parts ({where}) make the judgement easier than it should be. "
        f"near_duplicates.csv names the {len(found.pairs):,} closest, which can be removed from the source."
    )
