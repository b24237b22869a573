"""Rules of selection: classes that follow `lds_mlflow.latent.Rule`.

An argument of a rule is given by a parameter of `augment`, or by what is measured for the rule
(`lds_mlflow.recipes.rules` says what there is).
"""

from lds_mlflow.choices.choice import Choice

__all__ = ["RANDOM", "SELECTIONS", "TOP"]

TOP = "top"
"""The rule of the draft's top fraction, and the default."""

RANDOM = "random"
"""The control of every rule: as many candidates, whatever their density."""

SELECTIONS = {
    TOP: Choice("the densest fraction", "lds_mlflow.latent.selecting.rules:TopFraction", {"fraction": "top_fraction"}),
    "paper": Choice(
        "the draft's rule, the densest fraction and tau",
        "lds_mlflow.latent.selecting.rules:Paper",
        {"tau": "tau", "fraction": "top_fraction", "combine": "combine"},
    ),
    "threshold": Choice("density above tau", "lds_mlflow.latent.selecting.threshold_rules:Threshold", {"tau": "tau"}),
    RANDOM: Choice(
        "a random fraction, a control", "lds_mlflow.latent.selecting.rules:RandomFraction", {"fraction": "top_fraction"}
    ),
    "power": Choice(
        "a fraction drawn in proportion to density^gamma",
        "lds_mlflow.latent.selecting.rules:PowerLaw",
        {"gamma": "gamma", "fraction": "top_fraction"},
    ),
    "conformal": Choice(
        "as dense as a share of held-out real latents",
        "lds_mlflow.latent.selecting.threshold_rules:ConformalThreshold",
        {"share": "mass", "held_out_H": "log_lds_of_held_out"},
    ),
    "highest-density": Choice(
        "in the highest-density region of the training latents",
        "lds_mlflow.latent.selecting.threshold_rules:HighestDensity",
        {"mass": "mass", "training_N": "log_lds_of_training"},
    ),
    "typical": Choice(
        "as dense as the middle of the training latents",
        "lds_mlflow.latent.selecting.threshold_rules:TypicalSet",
        {"mass": "mass", "training_N": "log_lds_of_training"},
    ),
    "otsu": Choice("above Otsu's threshold of the scores", "lds_mlflow.latent.selecting.threshold_rules:Otsu"),
    "knee": Choice("above the knee of the sorted scores", "lds_mlflow.latent.selecting.threshold_rules:Knee"),
}
"""The rules by name."""
