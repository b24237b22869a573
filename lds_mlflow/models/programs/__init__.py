"""Programs that others have exported: checked as text, then opened. What runs is a graph of torch's operators."""

from lds_mlflow.models.programs.opening import Program, open_program
from lds_mlflow.models.programs.writing import program_of

__all__ = ["Program", "open_program", "program_of"]
