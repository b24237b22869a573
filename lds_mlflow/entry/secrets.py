"""Parameters that have a password, token or signature in them: they are refused, since parameters are logged."""

from collections.abc import Mapping

from lds_mlflow.errors import ConfigError, without_passwords

__all__ = ["require_no_secrets", "secret_in"]


def require_no_secrets(given: Mapping[str, str], *, logged_by: str = "") -> None:
    """Requires that no value has a secret in it, be it of a parameter that exists or not.

    Args:
        given: The values of parameters, by name.
        logged_by: See secret_in.

    Raises:
        ConfigError: Some have one.
    """
    named = [name for name, value in given.items() if value != without_passwords(value)]
    if named:
        raise secret_in(*named, logged_by=logged_by)


def secret_in(*names: str, logged_by: str = "") -> ConfigError:
    """Returns the error of parameters that have a secret in them.

    Args:
        names: The parameters.
        logged_by: Id of the run that `mlflow run` has begun and logged them to: it does so before it starts a command.
            "" where there is none.
    """
    return ConfigError(
        ", ".join(names),
        found="an address with a password, token or signature",
        expected="a value without one, since parameters are logged",
        remedy="Put the password of a database in ~/.pgpass or in the environment variable PGPASSWORD, and download "
        f"a file before you name it.{_removal(logged_by) if logged_by else ''}",
    )


def _removal(run_id: str) -> str:
    return (
        " Change this password, or revoke the token: `mlflow run` has already printed it, and logged it as a parameter "
        f"of run {run_id}. To remove it from there, `mlflow runs delete --run-id {run_id}`, then `mlflow gc --run-ids "
        f"{run_id}` with the options --backend-store-uri and --tracking-uri of your store."
    )
