"""Molecules from files of SMILES: one a line (.smi), or in a column of a table (.csv)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from rdkit import RDConfig
from rdkit.Chem import rdMolDescriptors
from torch import Tensor

from lds_mlflow.data import Fault, Reading
from lds_mlflow.data.faults import MOST_TOKENS, require_few
from lds_mlflow.data.labels import is_no_class, tidy_classes
from lds_mlflow.data.tables import parts_of, read_list, read_table
from lds_mlflow.domains.molecules.smiles import canonical, largest_part, molecule, tokens_of
from lds_mlflow.domains.molecules.tokens import LONGEST_NAME, stored
from lds_mlflow.errors import DataError, cut_short, quoted
from lds_mlflow.values import ExampleSet

__all__ = ["BUNDLED", "load_molecules"]

BUNDLED = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
"""The molecules that come with RDKit."""

_KIND = "molecules"
_SMILES = "smiles"
_PARTS = ("part", "split", "partition")
_TRIED, _MOSTLY = 50, 0.9
_RINGS = ("no ring", "1 ring", "2 rings", "3 rings or more")
_FEWEST_CLASSES = 2
_SHOWN_OF_A_LINE = 60


class _Row(NamedTuple):
    """A row of a file: its name, the text in place of a SMILES, and its class and part, "" where there is none."""

    name: str
    smiles: str
    label: str = ""
    part: str = ""


@dataclass(slots=True)
class _Found:
    """What was read of rows: the molecules with their tokens, what is wrong with others, and what was changed."""

    rows: list[_Row]
    tokens: list[list[str]]
    faults: list[Fault]
    salts: int = 0
    empty: int = 0


def load_molecules(path: Path | None, reading: Reading) -> ExampleSet:
    """Returns the molecules of a file, or those that come with RDKit.

    Of a salt the largest part is kept, and of equal molecules the first. Stereochemistry and charges are kept. RDKit
    has the first five thousand of the open database of the National Cancer Institute (NCI); their classes are their
    numbers of rings.

    Args:
        path: A table with a column of SMILES (.csv, .tsv), or any other file with a SMILES at the beginning of each
            line; None for the molecules of RDKit.
        reading: How to read it; of a table, `label` names the column of the class.

    Raises:
        DataError: There is no such file or column, or too many of its molecules can't be used.
    """
    file = path or BUNDLED
    found = _molecules(_lines(file, reading))
    _tell(found, reading)
    unusable = [fault for fault in found.faults if fault.kind != "copy"]
    n = len(found.rows) + len(found.faults)
    tolerated = reading.tolerated if path else 1.0
    require_few(unusable, n, noun=_KIND, source=file.name, tolerated=tolerated, is_empty=not found.rows)
    labels, class_names = _classes([row.label for row in found.rows], file.name) if path else _rings(found.rows)
    parts = tuple(row.part for row in found.rows)
    return ExampleSet(
        name=file.stem if path else "molecules of NCI",
        examples_N=stored(found.tokens),
        ids_N=tuple(row.name for row in found.rows),
        labels_N=labels,
        class_names_K=class_names,
        declared_parts_N=parts if any(parts) else (),
        domain=_KIND,
    )


def _classes(written: list[str], where: str) -> tuple[Tensor | None, tuple[str, ...]]:
    classes = tidy_classes(written, where)
    names = tuple(sorted(set(classes)))
    if len(names) < _FEWEST_CLASSES:
        return None, ()
    number = {name: k for k, name in enumerate(names)}
    return torch.tensor([number[name] for name in classes]), names


def _rings(rows: list[_Row]) -> tuple[Tensor, tuple[str, ...]]:
    rings = [rdMolDescriptors.CalcNumRings(molecule(row.smiles)) for row in rows]
    return torch.tensor(rings).clamp(max=len(_RINGS) - 1), _RINGS


def _molecules(rows: Iterator[_Row]) -> _Found:
    found, first = _Found([], [], []), dict[str, str]()
    for row in rows:
        if not row.smiles:
            found.empty += 1
            continue
        whole = canonical(row.smiles)
        if not whole:
            found.faults.append(Fault(row.name, "smiles", cut_short(row.smiles, _SHOWN_OF_A_LINE)))
            continue
        kept = largest_part(whole)
        found.salts += kept != whole
        tokens = tokens_of(kept)
        if kept in first:
            found.faults.append(Fault(row.name, "copy", f"of {first[kept]}"))
        elif not tokens or max(map(len, tokens)) > LONGEST_NAME:
            found.faults.append(Fault(row.name, "selfies", cut_short(kept, _SHOWN_OF_A_LINE)))
        elif len(tokens) > MOST_TOKENS:
            found.faults.append(Fault(row.name, "tokens", f"{len(tokens)} tokens"))
        else:
            first[kept] = row.name
            found.rows.append(row._replace(smiles=kept))
            found.tokens.append(tokens)
    return found


def _tell(found: _Found, reading: Reading) -> None:
    reading.on_faults(found.faults)
    copies = sum(fault.kind == "copy" for fault in found.faults)
    said = {
        f"Of {found.salts:,} molecules of several parts, such as salts, the largest part was kept.": found.salts,
        f"{copies:,} molecules that occur more than once were left out, except for the first of each.": copies,
        f"{found.empty:,} lines without a SMILES were passed over.": found.empty,
    }
    reading.on_notes([note for note, count in said.items() if count])


def _lines(path: Path, reading: Reading) -> Iterator[_Row]:
    content = read_list(path, "data")
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _rows_of_table(read_table(content, path.name), path.name, reading)
        return
    for number, line in enumerate(content.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        smiles = (line.split(maxsplit=1) or [""])[0]
        if not smiles.startswith("#") and not (number == 1 and _SMILES in smiles.casefold()):
            yield _Row(_name(number), smiles)


def _name(number: int) -> str:
    return f"line-{number:06d}"


def _rows_of_table(table: pd.DataFrame, name: str, reading: Reading) -> Iterator[_Row]:
    column = _column_of_smiles(table, name, reading)
    parts = _parts(table)
    label = _column_of_classes(table, name, reading, {column, parts[0]})
    blank = pd.Series("", index=table.index)
    rows = zip(
        table[column].fillna("").str.strip(),
        table[label].fillna("") if label else blank,
        parts[1].fillna("") if parts[1] is not None else blank,
        strict=True,
    )
    for number, (smiles, of_class, part) in enumerate(rows, start=2):
        yield _Row(_name(number), smiles, of_class, part)


def _column_of_smiles(table: pd.DataFrame, name: str, reading: Reading) -> str:
    columns = [str(column) for column in table.columns]
    named = [column for column in columns if _SMILES in column.casefold()]
    column = next(iter(named), None) or next((some for some in columns if _holds_molecules(table[some])), None)
    if column is None:
        raise DataError(
            name,
            found=f"columns {quoted(columns)}, none of which holds SMILES",
            expected=f"a column called {_SMILES}, or one whose cells RDKit reads",
            remedy=f"Rename the column with the molecules to {_SMILES}.",
        )
    if not named or len(named) > 1:
        reading.on_notes([f"The molecules are those of the column {column}."])
    return column


def _holds_molecules(cells: "pd.Series[str]") -> bool:
    some = cells.dropna().head(_TRIED)
    return bool(len(some)) and sum(bool(canonical(cell)) for cell in some) >= _MOSTLY * len(some)


def _parts(table: pd.DataFrame) -> "tuple[str, pd.Series[str] | None]":
    column = next((str(column) for column in table.columns if str(column).casefold() in _PARTS), "")
    return column, parts_of(table[column]) if column else None


def _column_of_classes(table: pd.DataFrame, name: str, reading: Reading, others: set[str]) -> str:
    columns = [str(column) for column in table.columns if str(column) not in others]
    if not reading.label:
        return next((column for column in columns if _can_be_classes(list(table[column].dropna()))), "")
    if reading.label not in columns:
        raise DataError(
            f"label={reading.label}",
            found=f"columns {quoted(columns)} in {name}",
            expected="one of them",
            remedy="Name the column of the class, or leave out label.",
        )
    if why := is_no_class(table[reading.label].dropna()):
        raise DataError(
            f"label={reading.label}",
            found=why,
            expected="a column of classes",
            remedy="Name another column, or put its numbers into classes.",
        )
    return reading.label


def _can_be_classes(cells: Sequence[str]) -> bool:
    return 1 < len(set(cells)) < len(cells) and not is_no_class(cells)
