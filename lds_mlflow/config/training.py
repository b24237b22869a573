"""Configurations of the steps that train a network: `train`, `finetune` and `classifier`."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from lds_mlflow.choices import phrases
from lds_mlflow.choices.adversaries import ADVERSARIES, THAT_SUITS
from lds_mlflow.choices.discriminator_augmentations import DISCRIMINATOR_AUGMENTATIONS
from lds_mlflow.choices.distances import DISTANCES
from lds_mlflow.choices.presets import PRESETS, SEQUENCES, SMALLEST_THAT_FITS
from lds_mlflow.choices.priors import GAUSSIAN, KEEP, PRIORS
from lds_mlflow.choices.recipes import ADVERSARIAL, RECIPES
from lds_mlflow.choices.variants import VARIANTS, WHOLE
from lds_mlflow.config.base import (
    Count,
    CountOrAll,
    CountOrAuto,
    Declared,
    FileOrEmpty,
    NotNegative,
    OptionalRunReference,
    Positive,
    RunReference,
    Seed,
    Settings,
    StepConfig,
    or_auto,
)
from lds_mlflow.config.choice import ChoiceOf
from lds_mlflow.config.kinds import Kind
from lds_mlflow.config.recipe import OF_RECIPE, OR_ITS

__all__ = ["ClassifierConfig", "DryRunConfig", "FinetuneConfig", "FitConfig", "OpenConfig", "TrainConfig"]

_PRESETS = {SMALLEST_THAT_FITS: "the smallest that fits the images"} | {
    name: preset.says for name, preset in (PRESETS | SEQUENCES).items()
}


_ADVERSARIES = {THAT_SUITS: "balanced for colour images, and joint for others"} | {
    name: adversary.says for name, adversary in ADVERSARIES.items()
}


class FitConfig(StepConfig):
    """What training and finetuning share, so that they differ only in the data and the learning rate."""

    topic: ClassVar[str] = "Train"

    batch_size: Annotated[
        int | Literal["auto"], or_auto(Annotated[int, Field(ge=1, le=16_384)]), Kind("auto|INTEGER")
    ] = "auto"
    """Number of images in a batch, over all processes together; auto takes what suits the resolution."""

    recipe: Annotated[str, ChoiceOf({name: recipe.says for name, recipe in RECIPES.items()})] = ADVERSARIAL
    """What the loss is made of: the values of those of its parameters that are auto."""

    kl_weight: Annotated[Positive, OF_RECIPE] = OR_ITS
    """Weight of the KL term of the loss; 1 gives the evidence lower bound, auto takes the recipe's."""

    ema_images: NotNegative = 4000
    """Number of images after which weights count half in their moving average, which is the model; 0: no average."""

    rate_fall: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Share of the training steps, at the end, over which the learning rate falls to 0."""

    pseudo_inputs: Count = 50
    """Number of pseudo-inputs, the components of the prior vamp."""

    free_bits: NotNegative = 0.0
    """Lower bound of the KL term in the loss, in nats per latent dimension; 0 sets no bound."""

    perceptual: Annotated[str, ChoiceOf(phrases(DISTANCES)), OF_RECIPE] = OR_ITS
    """Perceptual distance added to the loss; auto takes the recipe's."""

    perceptual_weight: Annotated[Positive, OF_RECIPE] = OR_ITS
    """Weight of the perceptual distance in the loss, in nats per pixel and channel; auto takes the recipe's."""

    perceptual_weights: FileOrEmpty = ""
    """File of SqueezeNet's weights for the perceptual distance, in torchvision's or Caffe's convention, or empty."""

    adversary: Annotated[str, ChoiceOf(_ADVERSARIES)] = THAT_SUITS
    """What a discriminator judges and teaches, if there is one."""

    adversarial_weight: Annotated[NotNegative, OF_RECIPE] = OR_ITS
    """Weight of being told from images by a discriminator; 1 is the usual one, auto takes the recipe's."""

    feature_weight: Annotated[NotNegative, OF_RECIPE] = OR_ITS
    """Weight of the distance by a discriminator's features, beside the squared error's 1/2; auto takes the recipe's."""

    r1_gamma: Annotated[NotNegative, OF_RECIPE] = OR_ITS
    """Weight of the squared gradient of the discriminator at training images (R1); auto takes the recipe's."""

    discriminator_augmentation: Annotated[str, ChoiceOf(phrases(DISCRIMINATOR_AUGMENTATIONS)), OF_RECIPE] = OR_ITS
    """How all images are changed before a discriminator sees them; auto takes the recipe's."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """Number format of the convolutions; latents, losses and weights are always float32."""

    compiled: Literal["auto", "true", "false"] = "auto"
    """Whether to compile the training step with torch.compile, which takes a minute at first; auto does on a GPU."""

    deterministic: bool = False
    """Whether a GPU gives the same bits each time, so that a resumed training ends as one without a break; slower."""

    @field_validator("perceptual_weights")
    @classmethod
    def _goes_with_the_distance(cls, value: str, info: ValidationInfo) -> str:
        kind = info.data.get("perceptual")
        if kind is not None and bool(value) != DISTANCES[kind].needs_file:
            raise ValueError(f"should be {'empty' if value else 'a file'} where perceptual is {kind}")
        return value


class TrainConfig(FitConfig):
    """Train the baseline, a VAE with the architecture of StyleGAN2, on the training part."""

    data_run: RunReference = "auto"
    """Run of the step data; auto finds or makes one."""

    preset: Annotated[str, ChoiceOf(_PRESETS)] = SMALLEST_THAT_FITS
    """Size of the network."""

    latent_dim: Annotated[int, Field(ge=0, le=4096), OF_RECIPE] = OR_ITS
    """Number of latent dimensions; 0 takes the preset's, auto the recipe's."""

    noise_inputs: bool = False
    """Whether the decoder has StyleGAN2's noise inputs, drawn by the latent so that it still decides on the image."""

    prior: Annotated[str, ChoiceOf(phrases(PRIORS))] = GAUSSIAN
    """Prior of the latents."""

    train_steps: Declared[CountOrAuto] = "auto"
    """Number of training steps of the baseline; auto trains until the part select shows that more gain nothing."""

    most_train_steps: CountOrAuto = "auto"
    """Largest number of training steps that train_steps=auto may take; auto takes what suits the preset."""

    kl_warmup: CountOrAll = 0
    """Number of training steps over which the weight of the KL term rises from 0; 0 uses the full weight at once."""

    learning_rate: Positive = 0.01
    """Learning rate of Adam for the baseline; the weights have equalized learning rates."""

    train_seed: Seed = 0
    """Seed of the baseline's initial weights, batches and noise."""


class OpenConfig(StepConfig):
    """Open a model of your own, check what the method asks of one, and use it in place of a trained one."""

    topic: ClassVar[str] = "Train"

    data_run: RunReference = "auto"
    """Run of the step data; auto finds or makes one."""

    model: Declared[str] = ""
    """Your own model: a folder, a runs:/ or models:/ address, or ENCODER,DECODER, in place of a trained one."""


class DryRunConfig(Settings):
    """Whether to say what a command would begin with instead of doing it."""

    topic: ClassVar[str] = "Train"

    dry_run: Declared[bool] = False
    """Whether to print what a training would cost (by a short probe), or what is found of model, and do nothing."""


class FinetuneConfig(FitConfig):
    """Finetune the baseline on the training part together with the augmentation set A."""

    augment_run: OptionalRunReference = "auto"
    """Run of the step augment; auto finds or makes one, none finetunes without A (the control)."""

    train_run: RunReference = "auto"
    """Run of train or finetune whose model is used; auto takes that of train."""

    finetune_prior: Annotated[str, ChoiceOf({KEEP: "the model's own"} | phrases(PRIORS))] = KEEP
    """Prior to finetune with."""

    finetune_variant: Annotated[str, ChoiceOf(phrases(VARIANTS))] = WHOLE
    """What is trained, and on what."""

    finetune_steps: Declared[Count] = 300
    """Number of training steps of finetuning."""

    finetune_learning_rate: Positive = 0.002
    """Learning rate of Adam for finetuning."""

    finetune_seed: Seed = 0
    """Seed of finetuning's batches and noise."""


class ClassifierConfig(StepConfig):
    """Train a small classifier on the training labels, which serves as the offline feature extractor."""

    topic: ClassVar[str] = "Evaluate"

    data_run: RunReference = "auto"
    """Run of the step data; auto finds or makes one."""

    classifier_steps: Count = 300
    """Number of training steps of the classifier, with 64 images each."""

    classifier_seed: Seed = 0
    """Seed of the classifier's initial weights and batches."""
