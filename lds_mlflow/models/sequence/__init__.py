"""A variational autoencoder of sequences of tokens, by recurrent networks."""

from lds_mlflow.models.sequence.model import SequenceSpec, SequenceVAE

__all__ = ["SequenceSpec", "SequenceVAE"]
