"""Step `data`: read the images once, check them, and divide them."""

from collections import Counter
from hashlib import sha256
from pathlib import Path

import pandas as pd
import torch

from lds_mlflow.config import DataConfig
from lds_mlflow.data import (
    Fault,
    NearDuplicates,
    Reading,
    declare_parts,
    describe_preparation,
    describe_source,
    exact_copies,
    limit_images,
    load_images,
    near_duplicates,
    read_parts,
    split_images,
)
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.pictures import image_grid, paired_grid
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet, content_of

__all__ = ["outside", "run"]

_SHOWN = 64
_BUNDLED = ("digits", "torchvision:")


def outside(config: DataConfig) -> str:
    """Returns a digest of the files that the step reads; fails where there are none."""
    lists = [Path(path) for path in (config.attributes, config.split_list) if path]
    return " ".join([describe_source(config.data), *(digest_of_file(path) for path in lists)])


def run(config: DataConfig, context: Context) -> str:
    """Stores the parts as `train`, `select` and `test`, and `reserve` if there is one."""
    faults: list[Fault] = []
    reading = Reading(
        resolution=config.resolution,
        channels=config.channels,
        label=config.label,
        attributes=Path(config.attributes) if config.attributes else None,
        tolerated=config.tolerated,
        packing=context.checkpoint_path,
        on_faults=faults.extend,
    )
    try:
        everything = load_images(config.data, reading)
    except DataError:
        _log_faults(faults, context)
        raise
    if config.split_list:
        everything = declare_parts(everything, read_parts(Path(config.split_list)))
    copies = _copies(everything)
    faults += copies
    _log_faults(faults, context)
    _require_few(copies, everything, config)
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
            f"{part.name} ({name})", source=config.data, digest=part.digest, context=name, n_examples=len(part)
        )
        context.run.log_metrics({f"data/{name}_examples": len(part)})
    context.run.log_metrics({"data/classes": len(images.class_names_K)})
    context.run.log_picture(image_grid(splits.train.spread(_SHOWN).examples_N), "pictures/real.png")
    context.run.log_table(_division(parts), "splits.csv")
    duplicates = near_duplicates(splits)
    _log_near_duplicates(duplicates, parts, context)
    _, channels, side, _ = images.examples_N.shape
    classes = f", {len(images.class_names_K)} classes" if images.class_names_K else ", no classes"
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    return (
        f"{images.name}: {len(images):,} images of {side}x{side}x{channels}{classes}; {sizes}"
        f"{_preparation(config)}{_faults_note(faults)}{_note(duplicates)}"
    )


def _preparation(config: DataConfig) -> str:
    return f"; resized: {describe_preparation(config.resolution)}" if config.resolution else ""


def _faults_note(faults: list[Fault]) -> str:
    left_out = sum(fault.kind != "copy" for fault in faults)
    said = [f"{left_out:,} can't be used (left out)"] if left_out else []
    said += [f"{len(faults) - left_out:,} are copies of others"] if len(faults) > left_out else []
    return f"\nNote: Of the files, {' and '.join(said)}; faults.csv names them." if said else ""


def _copies(images: ExampleSet) -> list[Fault]:
    return [Fault(name, "copy", f"of {first}") for name, first in exact_copies(images)]


def _require_few(copies: list[Fault], images: ExampleSet, config: DataConfig) -> None:
    if not config.data.startswith(_BUNDLED) and len(copies) > config.tolerated * len(images):
        raise DataError(
            f"images of {images.name}",
            found=f"{len(copies):,} copies among {len(images):,} images, such as {copies[0].name} {copies[0].detail}",
            expected=f"copies of at most {config.tolerated:.1%}; faults.csv of the run names them",
            remedy="Remove the copies, or raise tolerated: copies of one image always stay in the same part.",
        )


def _log_faults(faults: list[Fault], context: Context) -> None:
    kinds = Counter(fault.kind for fault in faults)
    context.run.log_metrics({"data/left_out": kinds["corrupt"] + kinds["huge"], "data/copies": kinds["copy"]})
    if faults:
        context.run.log_table(pd.DataFrame(faults, columns=["file", "fault", "detail"]), "faults.csv")


def _division(parts: dict[str, ExampleSet]) -> pd.DataFrame:
    rows = [
        (image_id, name, sha256(content_of(image_CHW)[1]).hexdigest())
        for name, part in parts.items()
        for image_id, image_CHW in zip(part.ids_N, part.examples_N, strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", "part", "digest"])


def _log_near_duplicates(found: NearDuplicates, parts: dict[str, ExampleSet], context: Context) -> None:
    by_parts = {f"data/near_duplicates_{one}_{other}": count for (one, other), count in found.counts.items()}
    context.run.log_metrics({"data/near_duplicates": found.total} | by_parts)
    if not found.pairs:
        return
    context.run.log_table(pd.DataFrame(found.pairs), "near_duplicates.csv")
    shown = found.pairs[:_SHOWN]
    above = torch.stack([parts[pair.part_i].examples_N[pair.i] for pair in shown])
    below = torch.stack([parts[pair.part_j].examples_N[pair.j] for pair in shown])
    context.run.log_picture(paired_grid(above, below), "pictures/near_duplicates.png")


def _note(found: NearDuplicates) -> str:
    if not found.pairs:
        return ""
    where = ", ".join(f"{count:,} of {one} and {other}" for (one, other), count in found.counts.items() if count)
    return (
        f"\nNote: Near-duplicate pairs across the parts ({where}) make the judgement too favourable. "
        f"near_duplicates.csv names the {len(found.pairs):,} closest pairs, which you can remove from the source."
    )
