"""Figures that only some kinds of examples have: functions from samples, real examples and instruments to figures.

They stand in a table of their own, and not in the domain, so that what is trained does not depend on how it is judged.
"""

from lds_mlflow.choices.choice import Choice

__all__ = ["DOMAIN_FIGURES"]

DOMAIN_FIGURES = {
    "sound": Choice(
        "distances by a speaker encoder, and classes of drawn samples",
        "lds_mlflow.domains.sound.figures:further_figures",
    ),
    "molecules": Choice(
        "the figures of MOSES, beside a control that fools naive ones",
        "lds_mlflow.domains.molecules.figures:further_figures",
    ),
}
"""The figures by the kind of examples, a key of DOMAINS; kinds that are not here have those that all kinds have."""
