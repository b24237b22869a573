"""Kinds of examples: how each is loaded, scaled for a model, shown, answered over HTTP, and judged."""

from lds_mlflow.domains.beside import files_beside
from lds_mlflow.domains.domain import Domain, DrawClass, Gallery, Instruments, Quality
from lds_mlflow.domains.table import DOMAINS, domain_of, domain_of_source

__all__ = [
    "DOMAINS",
    "Domain",
    "DrawClass",
    "Gallery",
    "Instruments",
    "Quality",
    "domain_of",
    "domain_of_source",
    "files_beside",
]
