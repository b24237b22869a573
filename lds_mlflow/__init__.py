"""Density-based latent augmentation for generative models, as an MLflow Project."""

__version__ = "0.1.0"
