"""Step `data`: read the examples once, check them, and divide them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from operator import attrgetter
from pathlib import Path

import pandas as pd
import torch

from lds_mlflow.choices.data_sources import data_source_of
from lds_mlflow.config import DataConfig
from lds_mlflow.data import (
    LEFT_OUT,
    Fault,
    Layout,
    NearDuplicates,
    declare_parts,
    describe_preparation,
    digests_of_rows,
    exact_copies,
    limit_examples,
    read_parts,
    sparse_classes,
    split_examples,
)
from lds_mlflow.domains import Domain, domain_of_source
from lds_mlflow.errors import DataError
from lds_mlflow.machine.files import digest_of_file
from lds_mlflow.machine.packages import require_packages
from lds_mlflow.recipes.reading import reading_as_configured
from lds_mlflow.recipes.showing import log_shown
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.context import Context
from lds_mlflow.values import ExampleSet

__all__ = ["outside", "run"]

_SHOWN = 64
_FEW, _NAMED = 100, 10
_LISTED = (*("train_examples", "select_examples", "test_examples", "reserve_examples"), "classes")


def outside(config: DataConfig) -> str:
    """Returns a digest of the files that the step reads; fails where there are none."""
    lists = [Path(path) for path in (config.attributes, config.split_list) if path]
    domain = domain_of_source(config.data)
    require_packages(f"data={config.data}", domain.packages)
    source = domain.describe_source(config.data)
    return " ".join([source, *(digest_of_file(path) for path in lists)])


def run(config: DataConfig, context: Context) -> str:
    """Stores the parts as `train`, `select` and `test`, and `reserve` if there is one."""
    domain = domain_of_source(config.data)
    faults: list[Fault] = []
    notes: list[str] = []
    layouts: list[Layout] = []

    def keep(layout: Layout) -> None:
        layouts.append(layout)
        faults.extend(layout.left_out)

    reading = replace(
        reading_as_configured(config),
        packing=context.checkpoint_path,
        on_faults=faults.extend,
        on_notes=notes.extend,
        on_layout=keep,
    )
    try:
        everything = domain.load(config.data, reading)
    except DataError:
        _log_faults(faults, context)
        raise
    if config.split_list:
        listed = declare_parts(everything, read_parts(Path(config.split_list)))
        faults += _unlisted(everything, listed)
        everything = listed
    copies = _copies(everything)
    faults += copies
    _log_faults(faults, context)
    _require_few(copies, everything, config)
    examples = limit_examples(everything, config.limit, seed=config.split_seed)
    splits = split_examples(
        examples,
        select_fraction=config.select_fraction,
        test_fraction=config.test_fraction,
        reserve_fraction=config.reserve_fraction,
        seed=config.split_seed,
    )
    parts = {"train": splits.train, "select": splits.select, "test": splits.test}
    if splits.reserve:
        parts["reserve"] = splits.reserve
    with ThreadPoolExecutor() as pool:
        # A digest of all content takes about as long as to store it.
        digests = {name: pool.submit(attrgetter("digest"), part) for name, part in parts.items()}
        for name, part in parts.items():
            context.run.log_value(part, name)
            digest = digests[name].result()
            context.run.log_dataset(
                f"{part.name} ({name})", source=config.data, digest=digest, context=name, n_examples=len(part)
            )
    shown = splits.train.spread(_SHOWN).examples_N
    log_shown(context.run, domain, "pictures/real.png", domain.grid(shown), {"": shown})
    context.run.log_table(_division(parts), "splits.csv")
    context.run.log_tags({tags.DOMAIN: domain.name})
    duplicates = domain.near_duplicates(splits)
    _log_near_duplicates(duplicates, parts, domain, context)
    context.run.log_figures(_figures(examples, parts, duplicates, faults), listed=_LISTED)
    if len(examples) < _FEW:
        context.alarms.append(
            f"There are {len(examples):,} examples in all. Densities, figures and verdicts from fewer than {_FEW} "
            "mean little: bring more."
        )
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in parts.items())
    return (
        f"{examples.name}: {domain.describe(examples)}, {_classes(examples)}; {sizes}"
        f"{_preparation(config)}{_reading(layouts)}{_reading_notes(notes)}"
        f"{_faults_note(faults)}{_classes_note(parts)}{_note(duplicates)}"
    )


def _classes(examples: ExampleSet) -> str:
    """Returns the number of classes and the names of the first ones."""
    names = examples.class_names_K
    if not names:
        return "no classes"
    more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{len(names)} classes ({', '.join(names[:_NAMED])}{more})"


def _preparation(config: DataConfig) -> str:
    return f"; resized: {describe_preparation(config.resolution)}" if config.resolution else ""


def _reading_notes(notes: list[str]) -> str:
    return "".join(f"\nNote: {note}" for note in notes)


def _reading(layouts: list[Layout]) -> str:
    return "".join(f"\n{line}" for layout in layouts for line in layout.report)


def _unlisted(everything: ExampleSet, listed: ExampleSet) -> list[Fault]:
    kept = set(listed.ids_N)
    return [Fault(name, "unassigned", "not in split_list") for name in everything.ids_N if name not in kept]


def _faults_note(faults: list[Fault]) -> str:
    kinds = Counter(fault.kind for fault in faults)
    counts = {
        "can't be used (left out)": sum(kinds[kind] for kind in LEFT_OUT),
        "are copies of others": kinds["copy"],
        "have no part in split_list (left out)": kinds["unassigned"],
    }
    said = [f"{count:,} {words}" for words, count in counts.items() if count]
    return f"\nNote: Of the files, {' and '.join(said)}; faults.csv names them." if said else ""


def _classes_note(parts: dict[str, ExampleSet]) -> str:
    said = sparse_classes(parts)
    return f"\nNote: {said}" if said else ""


def _copies(examples: ExampleSet) -> list[Fault]:
    return [Fault(name, "copy", f"of {first}") for name, first in exact_copies(examples)]


def _require_few(copies: list[Fault], examples: ExampleSet, config: DataConfig) -> None:
    source, _ = data_source_of(config.data)
    if not source.is_bundled and len(copies) > config.tolerated * len(examples):
        raise DataError(
            f"examples of {examples.name}",
            found=f"{len(copies):,} copies among {len(examples):,}, such as {copies[0].name} {copies[0].detail}",
            expected=f"copies of at most {config.tolerated:.1%}; faults.csv of the run names them",
            remedy="Remove the copies, or raise tolerated: copies of one example always stay in the same part.",
        )


def _log_faults(faults: list[Fault], context: Context) -> None:
    if faults:
        context.run.log_table(pd.DataFrame(faults, columns=["file", "fault", "detail"]), "faults.csv")


def _figures(
    examples: ExampleSet, parts: dict[str, ExampleSet], duplicates: NearDuplicates, faults: list[Fault]
) -> dict[str, float]:
    kinds = Counter(fault.kind for fault in faults)
    return {
        **{f"{name}_examples": len(part) for name, part in parts.items()},
        "classes": len(examples.class_names_K),
        "near_duplicates": duplicates.total,
        **{f"near_duplicates_{one}_{other}": count for (one, other), count in duplicates.counts.items()},
        "left_out": sum(kinds[kind] for kind in LEFT_OUT),
        "copies": kinds["copy"],
    }


def _division(parts: dict[str, ExampleSet]) -> pd.DataFrame:
    rows = [
        (example_id, name, digest)
        for name, part in parts.items()
        for example_id, digest in zip(part.ids_N, digests_of_rows(_sha256, part.examples_N), strict=True)
    ]
    return pd.DataFrame(rows, columns=["image_id", "part", "digest"])


def _sha256(content: memoryview) -> str:
    return sha256(content).hexdigest()


def _log_near_duplicates(found: NearDuplicates, parts: dict[str, ExampleSet], domain: Domain, context: Context) -> None:
    if not found.pairs:
        return
    context.run.log_table(pd.DataFrame(found.pairs), "near_duplicates.csv")
    shown = found.pairs[:_SHOWN]
    above = torch.stack([parts[pair.part_i].examples_N[pair.i] for pair in shown])
    below = torch.stack([parts[pair.part_j].examples_N[pair.j] for pair in shown])
    context.run.log_picture(domain.pairs(above, below), "pictures/near_duplicates.png")


def _note(found: NearDuplicates) -> str:
    if not found.pairs:
        return ""
    where = ", ".join(f"{count:,} of {one} and {other}" for (one, other), count in found.counts.items() if count)
    return (
        f"\nNote: Near-duplicate pairs across the parts ({where}) make the judgement too favourable. "
        f"near_duplicates.csv names the {len(found.pairs):,} closest pairs, which you can remove from the source."
    )
