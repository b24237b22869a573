import pytest

from lds_mlflow.choices.recipes import RECIPES, Recipe
from lds_mlflow.config import FinetuneConfig, TrainConfig, has_default, parse, parse_all
from lds_mlflow.config.recipe import OF_RECIPE
from tests.unit.config.problems import problems

OF_TRAIN, OF_FINETUNE = (
    {name for name, field in kind.model_fields.items() if OF_RECIPE in field.metadata}
    for kind in (TrainConfig, FinetuneConfig)
)


def test_a_recipe_has_a_value_for_what_may_be_auto_and_for_nothing_else() -> None:
    assert {*Recipe._fields} - {"says"} == OF_TRAIN
    assert {"latent_dim"} == OF_TRAIN - OF_FINETUNE


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_is_not_given_is_the_recipes(recipe: str) -> None:
    own = RECIPES[recipe]
    weights = __file__ if own.perceptual == "squeezenet" else ""
    config = parse(TrainConfig, {"recipe": recipe, "perceptual_weights": weights})
    assert {name: getattr(config, name) for name in OF_TRAIN} == {name: getattr(own, name) for name in OF_TRAIN}


def test_what_is_given_counts_before_the_recipe_and_auto_is_not_given() -> None:
    given = {"recipe": "adversarial", "kl_weight": "0.25", "discriminator_augmentation": "none", "r1_gamma": "auto"}
    config = parse(TrainConfig, given)
    assert (config.kl_weight, config.discriminator_augmentation) == (0.25, "none")
    assert config.r1_gamma == RECIPES["adversarial"].r1_gamma
    assert config.adversarial_weight == RECIPES["adversarial"].adversarial_weight


def test_training_and_finetuning_in_one_command_have_one_loss() -> None:
    configs = parse_all((TrainConfig, FinetuneConfig), {"recipe": "adversarial", "feature_weight": "0.5"})
    one, other = configs[TrainConfig].model_dump(), configs[FinetuneConfig].model_dump()
    assert {name: one[name] for name in OF_FINETUNE} == {name: other[name] for name in OF_FINETUNE}


def test_a_configuration_that_is_read_again_is_the_same() -> None:
    config = parse(TrainConfig, {"recipe": "adversarial", "kl_weight": 0.25})
    assert parse(TrainConfig, config.model_dump()) == config
    assert parse(TrainConfig, config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"recipe": "gan"}, "recipe=gan: should be elbo, perceptual, adversarial"),
        ({"recipe": "perceptual"}, "perceptual_weights=: should be a file where perceptual is squeezenet"),
        ({"kl_weight": "automatic"}, "kl_weight=automatic: "),
        ({"recipe": "adversarial", "r1_gamma": -1}, "r1_gamma=-1: "),
        ({"discriminator_augmentation": "mixup"}, "discriminator_augmentation=mixup: should be none, diffaugment, ada"),
        ({"latent_dim": 5000}, "latent_dim=5000: "),
    ],
)
def test_what_is_wrong_is_said_once_and_with_its_name(values: dict[str, object], said: str) -> None:
    (problem,) = problems((TrainConfig,), values)
    assert problem.startswith(said)


def test_a_recipe_whose_weights_are_not_needed_goes_without() -> None:
    assert parse(TrainConfig, {"recipe": "perceptual", "perceptual": "laplacian"}).perceptual == "laplacian"


def test_what_the_recipe_gives_is_a_default_and_what_another_would_is_not() -> None:
    config = parse(TrainConfig, {"recipe": "elbo", "feature_weight": 0.5, "batch_size": 16})
    changed = {name for name in type(config).model_fields if not has_default(config, name)}
    assert changed == {"recipe", "feature_weight", "batch_size"}
