"""Where the project's files are, and the data that may lie beside it."""

from pathlib import Path

__all__ = ["ROOT", "SHARED"]

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
"""Real data; tests that read it skip with a reason where it isn't there."""
