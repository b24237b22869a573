import pytest

from lds_mlflow.entry.secrets import require_no_secrets, secret_in
from lds_mlflow.errors import ConfigError

SECRETS = [
    "https://me:hunter2@host/a.zip",
    "https://hunter2@host/a.zip",
    "https://host/a.zip?X-Amz-Signature=hunter2",
    "https://account.blob.core.windows.net/a.zip?sv=1&sig=hunter2",
    "s3://key:hunter2@bucket",
    "postgresql://me:p@hunter2@host/x",
    "postgresql://me:.hunter2@host/x",
    "torchvision:MNIST:https://me:hunter2@host",
]


@pytest.mark.parametrize("value", SECRETS)
def test_a_secret_is_refused_and_not_told(value: str) -> None:
    with pytest.raises(ConfigError, match="data: found an address with a password, token or signature") as caught:
        require_no_secrets({"resolution": "64", "data": value})
    assert "hunter2" not in str(caught.value)
    assert "mlflow run" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "digits",
        "/path/to/faces.zip",
        "https://host:5000/a@b",
        "models:/lds-vae@champion",
        "runs:/12ab/model",
        "postgresql+psycopg://worker@postgres/tuning",
        "selection=top|power,top_fraction=0.1:0.5",
    ],
)
def test_what_holds_no_secret_is_taken(value: str) -> None:
    require_no_secrets({"data": value}, logged_by="12ab")


def test_all_parameters_with_secrets_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        require_no_secrets({"data": SECRETS[0], "part": "test", "dta": SECRETS[1]})
    assert caught.value.what == "data, dta"


def test_what_mlflow_run_has_logged_already_is_to_be_removed() -> None:
    remedy = secret_in("data", logged_by="12ab").remedy
    for said in ("Change this password", "runs delete --run-id 12ab", "gc --run-ids 12ab", "already printed it"):
        assert said in remedy
