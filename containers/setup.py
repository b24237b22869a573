"""What compose.yaml needs once, made by the administrator: users with few rights, and the tables of studies.

The user worker manages what it makes, and reads nothing else. The user sampler reads models, and changes none. What is
there already stays.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.exceptions import RestException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode
from mlflow.server.auth.client import AuthServiceClient
from optuna.storages import RDBStorage

WORKSPACE, READERS = "default", "readers"


def main() -> None:
    """Makes all of it."""
    # The workers' role of the database may not make tables.
    RDBStorage(os.environ["STUDIES"])
    client = AuthServiceClient(mlflow.get_tracking_uri())
    for name in ("worker", "sampler"):
        with _unless_there():
            client.create_user(name, os.environ[f"{name.upper()}_PASSWORD"])
    with _unless_there():
        role = client.create_role(WORKSPACE, READERS, "Read every model, and the experiments that they lie in")
        for kind in ("registered_model", "experiment"):
            client.add_role_permission(role.id, kind, "*", "READ")
        client.assign_role("sampler", role.id)


@contextmanager
def _unless_there() -> Iterator[None]:
    try:
        yield
    except RestException as error:
        # To look first would not do: a setup that runs beside this one may make it in between.
        if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
            raise


if __name__ == "__main__":
    main()
