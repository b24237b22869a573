"""The kinds of examples by name: a new kind is one class and one entry."""

from lds_mlflow.domains.domain import Domain
from lds_mlflow.domains.images import Images
from lds_mlflow.domains.molecules import Molecules
from lds_mlflow.domains.sound import Sound
from lds_mlflow.errors import ArtifactError

__all__ = ["DOMAINS", "domain_of", "domain_of_source"]

_IMAGES = Images()
DOMAINS: dict[str, Domain] = {domain.name: domain for domain in (_IMAGES, Molecules(), Sound())}
"""Every kind of examples."""


def domain_of(name: str) -> Domain:
    """Returns a kind of examples by its name.

    Raises:
        ArtifactError: There is no kind of examples of this name.
    """
    if name not in DOMAINS:
        raise ArtifactError(
            "the kind of examples",
            found=name,
            expected=f"one of {', '.join(DOMAINS)}",
            remedy="Install the version of the project that made this artifact.",
        )
    return DOMAINS[name]


def domain_of_source(source: str) -> Domain:
    """Returns the kind of the examples that the parameter `data` names: images, if no other kind takes the value."""
    others = (domain for domain in DOMAINS.values() if domain is not _IMAGES)
    return next((domain for domain in others if domain.takes(source)), _IMAGES)
