"""Generators of other people, as a pair of programs: what one is, and where one comes from."""

from lds_mlflow.models.own.facts import Facts
from lds_mlflow.models.own.pair import ExportedPair
from lds_mlflow.models.own.rows import RowsProgram
from lds_mlflow.models.own.sources import pickles_beside, read_generator
from lds_mlflow.models.own.writing import FOLDER, write_pair

__all__ = ["FOLDER", "ExportedPair", "Facts", "RowsProgram", "pickles_beside", "read_generator", "write_pair"]
