"""Runs steps: finds or makes what each needs, reuses what is there, and goes on where it was interrupted.

This is the one room that knows two steps.
"""

from lds_mlflow.pipeline.commands import Pipeline

__all__ = ["Pipeline"]
