"""What a person reads of an ablation: tables, the claims ledger, and the figures."""

from lds_mlflow.reporting.ablation.claims import ledger
from lds_mlflow.reporting.ablation.results import ArmsRead, read_arms
from lds_mlflow.reporting.ablation.tables import Document, documents_of, report_of_ablation, sentence_of

__all__ = ["ArmsRead", "Document", "documents_of", "ledger", "read_arms", "report_of_ablation", "sentence_of"]
