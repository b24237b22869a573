"""How images are read, from the configuration of the step `data`."""

from pathlib import Path

from lds_mlflow.config import DataConfig
from lds_mlflow.data import Reading

__all__ = ["reading_as_configured"]


def reading_as_configured(config: DataConfig) -> Reading:
    """Returns how images are read; whoever wants to be told of faults or layouts adds that."""
    return Reading(
        resolution=config.resolution,
        channels=config.channels,
        label=config.label,
        attributes=Path(config.attributes) if config.attributes else None,
        tolerated=config.tolerated,
    )
