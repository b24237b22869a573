"""Autoencoders: what the project asks of them, the kinds there are, and how examples go through them."""

from lds_mlflow.models.autoencoder import Autoencoder, Posterior, Trainable
from lds_mlflow.models.codec import Codec
from lds_mlflow.models.kinds import AUTOENCODERS, is_trainable, new_model, open_model, trainable
from lds_mlflow.models.mixture import Mixture, log_posterior
from lds_mlflow.models.rates import learning_rate_factors
from lds_mlflow.models.scales import PIXELS, Scale

__all__ = [
    "AUTOENCODERS",
    "PIXELS",
    "Autoencoder",
    "Codec",
    "Mixture",
    "Posterior",
    "Scale",
    "Trainable",
    "is_trainable",
    "learning_rate_factors",
    "log_posterior",
    "new_model",
    "open_model",
    "trainable",
]
