"""Sound as a kind of examples: clips of speech and other short sounds, as pictures of their spectra."""

from lds_mlflow.domains.sound.domain import SOUND, Sound

__all__ = ["SOUND", "Sound"]
