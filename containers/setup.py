"""What compose.yaml needs once, made by the administrator: users with few rights, and the tables of studies.

The user worker manages what it makes, and reads nothing else. The user sampler reads models, and changes none. What is
there already stays.
"""

import os

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.server.auth.client import AuthServiceClient
from optuna.storages import RDBStorage

WORKSPACE, READERS = "default", "readers"


def main() -> None:
    """Makes all of it."""
    # The workers' role of the database may not make tables.
    RDBStorage(os.environ["STUDIES"])
    client = AuthServiceClient(mlflow.get_tracking_uri())
    for name in ("worker", "sampler"):
        try:
            client.get_user(name)
        except MlflowException:
            client.create_user(name, os.environ[f"{name.upper()}_PASSWORD"])
    if not any(role.name == READERS for role in client.list_roles(WORKSPACE)):
        role = client.create_role(WORKSPACE, READERS, "Read every model, and the experiments that they lie in")
        for kind in ("registered_model", "experiment"):
            client.add_role_permission(role.id, kind, "*", "READ")
        client.assign_role("sampler", role.id)


if __name__ == "__main__":
    main()
