"""Where images come from, and how they are divided."""

from lds_mlflow.data.digests import digests_of_rows
from lds_mlflow.data.digits import load_digits
from lds_mlflow.data.duplicates import DuplicatePair, NearDuplicates, near_duplicates
from lds_mlflow.data.faults import LEFT_OUT, UNREADABLE, Fault, UnusableError, require_usable
from lds_mlflow.data.file_kinds import PICTURES, FileKind
from lds_mlflow.data.folder import Reading, is_mostly, load_files, load_folder
from lds_mlflow.data.layout import Layout
from lds_mlflow.data.packing import PackedPictures, pack_pictures
from lds_mlflow.data.pixels import Picture, describe_preparation
from lds_mlflow.data.sources import describe_source, load_images
from lds_mlflow.data.sparse_classes import sparse_classes
from lds_mlflow.data.splits import declare_parts, exact_copies, limit_examples, split_examples
from lds_mlflow.data.tables import read_parts

__all__ = [
    "LEFT_OUT",
    "PICTURES",
    "UNREADABLE",
    "DuplicatePair",
    "Fault",
    "FileKind",
    "Layout",
    "NearDuplicates",
    "PackedPictures",
    "Picture",
    "Reading",
    "UnusableError",
    "declare_parts",
    "describe_preparation",
    "describe_source",
    "digests_of_rows",
    "exact_copies",
    "is_mostly",
    "limit_examples",
    "load_digits",
    "load_files",
    "load_folder",
    "load_images",
    "near_duplicates",
    "pack_pictures",
    "read_parts",
    "require_usable",
    "sparse_classes",
    "split_examples",
]
