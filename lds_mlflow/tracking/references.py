"""What people call a run by: its id, the first digits of it, or an address."""

import re

from mlflow import MlflowClient

from lds_mlflow.tracking.registry import MODELS_ADDRESS, Registry

__all__ = ["run_id_of"]

_SHORT_ID = re.compile(r"[0-9a-f]{8,31}")
_LOGGED_MODEL = re.compile(r"m-[0-9a-f]{32}")


def run_id_of(client: MlflowClient, reference: str) -> str:
    """Returns the id of a run.

    Args:
        client: The client of its tracking store.
        reference: Its id, or the first digits of it as commands print them, a runs:/ID address, or the models:/ address
            of a model that it logged or registered.

    Raises:
        TrackingError: There is no such registered model.
        mlflow.exceptions.MlflowException: There is no such logged model, or the store doesn't answer.
    """
    if reference.startswith(MODELS_ADDRESS):
        model_id = reference.removeprefix(MODELS_ADDRESS)
        if _LOGGED_MODEL.fullmatch(model_id):
            return str(client.get_logged_model(model_id).source_run_id)
        return Registry(client).of_address(reference).run_id
    run_id = reference.removeprefix("runs:/").split("/", 1)[0]
    if not _SHORT_ID.fullmatch(run_id):
        return run_id
    everywhere = [str(experiment.experiment_id) for experiment in client.search_experiments()]
    found = client.search_runs(everywhere, f"attributes.run_id LIKE '{run_id}%'", max_results=2)
    return str(found[0].info.run_id) if len(found) == 1 else run_id
