"""Versions in the MLflow Model Registry, and the aliases by which they are served."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.artifacts import list_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, ErrorCode

from lds_mlflow.config import AUTO
from lds_mlflow.errors import TrackingError
from lds_mlflow.tracking import tags
from lds_mlflow.tracking.patience import says_that_there_is_none

__all__ = ["CHAMPION", "LONGEST_DESCRIPTION", "MODELS_ADDRESS", "NEWEST", "NONE", "Registry", "Version"]

NEWEST = "challenger"
"""The alias of the newest version."""

NONE = "none"
"""What a tag of a version says where there is no other version, or nothing half done."""

MODELS_ADDRESS = "models:/"
"""What the address of a registered model begins with."""

CHAMPION = "champion"
"""The alias of the version that has passed the gate, and that others should use."""

_LATEST = "latest"
"""MLflow's own name for the version of the highest number."""

LONGEST_DESCRIPTION = 5000
"""Characters of the description of a version that MLflow takes."""

_NAMED = 10
_HIGHEST_NUMBER = 2**31 - 1
"""A database has no room for the number of a higher version."""

_SECTION = "\n\n## "


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a registered model.

    Attributes:
        name: The model's.
        number: The version's.
        run_id: The run that registered it.
        description: What the UI shows of it.
        tags: Its tags.
    """

    name: str
    number: str
    run_id: str
    description: str
    tags: Mapping[str, str]

    def with_section(self, title: str, text: str) -> str:
        """Returns the description with a section at its end, in place of one with this title if there is one.

        What comes before it is cut where the whole would be longer than MLflow takes.
        """
        kept = [part for part in self.description.split(_SECTION) if not part.startswith(f"{title}\n")]
        section = f"{_SECTION}{title}\n\n{text}"[:LONGEST_DESCRIPTION]
        return _SECTION.join(kept)[: LONGEST_DESCRIPTION - len(section)] + section


class Registry:
    """The model registry of a tracking store.

    Args:
        client: The store's client.
    """

    def __init__(self, client: MlflowClient) -> None:
        self.client = client

    def find(self, name: str, reference: str) -> Version | None:
        """Returns the version of a model that an alias or number names, or None where the store says there is none.

        Raises:
            MlflowException: The store does not answer the question, so there may be one.
        """
        if reference.isdecimal() and int(reference) > _HIGHEST_NUMBER:
            return None
        try:
            if reference.isdecimal():
                return _version(self.client.get_model_version(name, reference))
            return _version(self.client.get_model_version_by_alias(name, reference))
        except MlflowException as error:
            if says_that_there_is_none(error):
                return None
            if error.error_code != ErrorCode.Name(INVALID_PARAMETER_VALUE):
                raise
        # MLflow answers a question for an alias that no version has as if the question were wrong. By now another
        # machine may have given the alias to a version.
        number = self.client.get_registered_model(name).aliases.get(reference)
        return None if number is None else self.find(name, str(number))

    def get(self, name: str, reference: str) -> Version:
        """Returns the version of a model that an alias or number names.

        Raises:
            TrackingError: There is none.
        """
        version = self.find(name, reference)
        if version is None:
            raise TrackingError(
                f"version {reference} of the registered model {name}",
                found="none",
                expected="an alias or the number of a version that is registered",
                remedy="See the models page of the MLflow UI, or register a model with the command finetune.",
            )
        return version

    def of_address(self, address: str) -> Version:
        """Returns the version that an address names: models:/NAME/NUMBER, models:/NAME@ALIAS, or models:/NAME.

        Without a number or alias it is the latest version, as MLflow's own "latest" is.

        Raises:
            TrackingError: There is none.
        """
        address = address.removeprefix(MODELS_ADDRESS)
        name, _, reference = address.rpartition("@") if "@" in address else address.partition("/")
        if not name:
            name, reference = address, ""
        return self.get(name, reference or _LATEST)

    def only(self) -> str:
        """Returns the name of the only registered model.

        Raises:
            TrackingError: There are none, or several.
        """
        names = sorted(str(model.name) for model in self.client.search_registered_models())
        if len(names) == 1:
            return names[0]
        expected = "one registered model in the store, where none is named"
        if not names:
            remedy = "Register a model with the command finetune, or set MLFLOW_TRACKING_URI to the store that has it."
            raise TrackingError("the registered model", found="none", expected=expected, remedy=remedy)
        raise TrackingError(
            "the registered model",
            found=f"{len(names)}: {', '.join(names[:_NAMED])}{', ...' if len(names) > _NAMED else ''}",
            expected=expected,
            remedy=f"Name one, such as {names[0]}: promote takes registered_model={names[0]}, and serve and image take "
            f"model={MODELS_ADDRESS}{names[0]}@{CHAMPION}.",
        )

    def address_of(self, model: str) -> str:
        """Returns the address of a version that a user names; of `auto`, that of the champion of the only model.

        Raises:
            TrackingError: It is `auto`, and there is not one registered model.
        """
        return f"{MODELS_ADDRESS}{self.only()}@{CHAMPION}" if model == AUTO else model

    def numbers(self, name: str) -> list[str]:
        """Returns the numbers of a model's versions, the newest last; none where the registry doesn't answer."""
        try:
            found = self.client.search_model_versions(f"name = '{name}'")
        except MlflowException:
            return []
        return sorted((str(one.version) for one in found), key=int)

    def of_run(self, run_id: str) -> list[Version]:
        """Returns the versions that a run registered."""
        return list(map(_version, self.client.search_model_versions(f"run_id = '{run_id}'")))

    def pending(self, name: str) -> list[Version]:
        """Returns the versions of a model with which a command has begun something that it has not ended."""
        quote = '"' if "'" in name else "'"
        found = map(_version, self.client.search_model_versions(f"name = {quote}{name}{quote}"))
        return [version for version in found if version.tags.get(tags.PENDING, NONE) != NONE]

    def missing(self, claim: str, run_id: str) -> str:
        """Returns what is missing of a version that a run says it has registered, or "" where it is there.

        Args:
            claim: The version, as NAME/NUMBER.
            run_id: The run.
        """
        name, number = claim.rsplit("/", 1)
        version = self.find(name, number)
        # Once a model is deleted, the versions of another that takes its name have the same numbers.
        if version is None or version.run_id != run_id:
            return f"version {number} of the registered model {name} is gone"
        if not list_artifacts(artifact_uri=f"{MODELS_ADDRESS}{claim}", tracking_uri=self.client.tracking_uri):
            return f"the files of version {number} of the registered model {name} are gone"
        if self.find(name, NEWEST) is None:
            return f"no version of the registered model {name} has the alias {NEWEST}"
        return ""

    def set_alias(self, version: Version, alias: str) -> None:
        """Gives a version an alias; another that has it loses it."""
        try:
            self.client.set_registered_model_alias(version.name, alias, version.number)
        except MlflowException:
            # Of two machines that give an alias for the first time at one moment, a database refuses one; what it would
            # not insert it now updates.
            self.client.set_registered_model_alias(version.name, alias, version.number)

    def note(self, version: Version, values: Mapping[str, str], *, description: str | None = None) -> None:
        """Sets tags of a version one after the other, and before them its description where one is given."""
        if description is not None:
            self.client.update_model_version(version.name, version.number, description=description)
        for key, value in values.items():
            self.client.set_model_version_tag(version.name, version.number, key, value)

    def remove_tag(self, version: Version, key: str) -> None:
        """Removes a tag of a version, if it has it."""
        self.client.delete_model_version_tag(version.name, version.number, key)


def _version(found: ModelVersion) -> Version:
    return Version(found.name, str(found.version), str(found.run_id), found.description or "", dict(found.tags))
