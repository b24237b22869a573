"""Runs steps: finds or makes what each step needs, reuses finished runs, and continues interrupted ones.

This is the only room that knows more than one step.
"""

from lds_mlflow.pipeline.commands import Pipeline
from lds_mlflow.pipeline.connection import connect

__all__ = ["Pipeline", "connect"]
