"""What a person reads of an ablation: tables, the claims ledger, and the figures.

`results` reads the evaluations of all arms, `claims`, `tables` and `charts` say what they show,
and `report` puts that in order as `documents`.
"""

from lds_mlflow.reporting.ablation.claims import ledger
from lds_mlflow.reporting.ablation.documents import Document
from lds_mlflow.reporting.ablation.report import documents_of, report_of_ablation, sentence_of
from lds_mlflow.reporting.ablation.results import AblationResults, read_results

__all__ = ["AblationResults", "Document", "documents_of", "ledger", "read_results", "report_of_ablation", "sentence_of"]
