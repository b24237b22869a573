"""Configurations of what is trained: the baseline, the finetuned model, and the classifier."""

from typing import Annotated, Literal

from pydantic import Field

from lds_mlflow.config.base import Count, OptionalRunReference, Positive, RunReference, Seed, StepConfig

__all__ = ["ClassifierConfig", "FinetuneConfig", "FitConfig", "TrainConfig"]


class FitConfig(StepConfig):
    """What training and finetuning share, so that they differ in data and learning rate alone."""

    batch_size: Count = 32
    """Images in a training step."""

    kl_weight: Positive = 1.0
    """Factor on the KL term of the loss; 1 is the evidence lower bound."""

    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.995
    """Decay of the moving average of the weights, a step."""

    pseudo_inputs: Count = 50
    """Components of the prior vamp."""


class TrainConfig(FitConfig):
    """Train the baseline, a StyleGAN2-structured VAE, on the training part."""

    data_run: RunReference = "auto"
    """Run of the step data, or auto."""

    preset: Literal["auto", "digits", "grey32", "colour32", "faces64", "faces64-small", "paper256"] = "auto"
    """Size of the network; auto takes the smallest that fits the images."""

    prior: Literal["gaussian", "exemplar", "vamp"] = "gaussian"
    """Prior of the latents: gaussian, exemplar (the latent density itself) or vamp (learned pseudo-inputs)."""

    train_steps: Count = 2500
    """Training steps of the baseline."""

    learning_rate: Positive = 0.01
    """Adam's step size for the baseline; the weights have equalized learning rates."""

    train_seed: Seed = 0
    """Seed of the baseline's initial weights, batches and noise."""


class FinetuneConfig(FitConfig):
    """Finetune the baseline on train + A."""

    augment_run: OptionalRunReference = "auto"
    """Run of the step augment, auto, or none: finetuning on the training part alone, the control."""

    train_run: RunReference = "auto"
    """Run of train, or of finetune for its model, or auto: train's."""

    finetune_prior: Literal["keep", "gaussian", "exemplar", "vamp"] = "keep"
    """Prior to finetune with, or keep: the model's own."""

    finetune_variant: Literal["whole", "decoder", "consistency"] = "whole"
    """whole: all of the model on train + A. decoder: it alone. consistency: the encoder finds A's latents."""

    finetune_steps: Count = 500
    """Training steps of finetuning."""

    finetune_learning_rate: Positive = 0.002
    """Adam's step size for finetuning."""

    finetune_seed: Seed = 0
    """Seed of finetuning's batches and noise."""


class ClassifierConfig(StepConfig):
    """Train a small classifier on the training labels: the offline feature extractor."""

    data_run: RunReference = "auto"
    """Run of the step data, or auto."""

    classifier_steps: Count = 300
    """Training steps of the classifier, of 64 images each."""

    classifier_seed: Seed = 0
    """Seed of the classifier's weights and batches."""
