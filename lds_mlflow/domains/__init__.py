"""Kinds of examples: how each is loaded, scaled for a model, shown, answered over HTTP, and judged."""

from lds_mlflow.domains.domain import Domain, Quality
from lds_mlflow.domains.table import DOMAINS, domain_of, domain_of_source

__all__ = ["DOMAINS", "Domain", "Quality", "domain_of", "domain_of_source"]
