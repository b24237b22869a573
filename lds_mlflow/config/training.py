"""Configurations of what is trained: the baseline, the finetuned model, and the classifier."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.config.base import (
    Count,
    CountOrAll,
    Declared,
    FileOrEmpty,
    NotNegative,
    OptionalRunReference,
    Positive,
    RunReference,
    Seed,
    Settings,
    StepConfig,
)

__all__ = ["ClassifierConfig", "DryRunConfig", "FinetuneConfig", "FitConfig", "TrainConfig"]


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

    free_bits: NotNegative = 0.0
    """Nats a latent dimension below which the KL term costs nothing."""

    perceptual: Literal["none", "laplacian", "squeezenet", "squeezenet-caffe", "lpips"] = "none"
    """Distance that is added to the loss: laplacian needs no weights, squeezenet a file, lpips downloads its own."""

    perceptual_weight: Positive = 1.0
    """Nats a pixel and unit of that distance."""

    perceptual_weights: FileOrEmpty = ""
    """File of SqueezeNet's weights, by torchvision's convention, or Caffe's for squeezenet-caffe."""

    adversarial_weight: NotNegative = 0.0
    """Nats a pixel that reconstructions cost which a discriminator tells from images; 0 trains none."""

    r1_gamma: NotNegative = 1.0
    """Factor of the penalty on that discriminator's gradient at real images (R1)."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """What convolutions are computed in; latents, losses and weights are float32 always."""

    compiled: bool = False
    """Whether torch.compile makes one program of a training step; it takes a C++ compiler, and minutes at first."""

    @field_validator("perceptual_weights")
    @classmethod
    def _goes_with_the_distance(cls, value: str, info: ValidationInfo) -> str:
        kind = str(info.data.get("perceptual"))
        if bool(value) != kind.startswith("squeezenet"):
            raise ValueError(f"should be {'empty' if value else 'a file'} where perceptual is {kind}")
        return value


class TrainConfig(FitConfig):
    """Train the baseline, a StyleGAN2-structured VAE, on the training part."""

    data_run: RunReference = "auto"
    """Run of the step data, or auto."""

    preset: Literal["auto", "digits", "grey32", "colour32", "faces64", "faces64-small", "paper256"] = "auto"
    """Size of the network; auto takes the smallest that fits the images."""

    prior: Literal["gaussian", "exemplar", "vamp"] = "gaussian"
    """Prior of the latents: gaussian, exemplar (the latent density itself) or vamp (learned pseudo-inputs)."""

    train_steps: Declared[Count] = 2500
    """Training steps of the baseline."""

    kl_warmup: CountOrAll = 0
    """Training steps over which the factor on the KL term rises from 0; 0: it is whole from the first."""

    learning_rate: Positive = 0.01
    """Adam's step size for the baseline; the weights have equalized learning rates."""

    train_seed: Seed = 0
    """Seed of the baseline's initial weights, batches and noise."""


class DryRunConfig(Settings):
    """Whether to say what a training would take, instead of training."""

    dry_run: Declared[bool] = False
    """Whether to print parameters, memory, speed by a short probe and hours, and to train nothing."""


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

    finetune_steps: Declared[Count] = 500
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
