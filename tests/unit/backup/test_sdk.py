"""An object store is the one that the place says, whatever `AWS_…` and `~/.aws` say of others."""

from pathlib import Path
from typing import Any

import pytest

from waterclock_worker.executors.backup.limits import Limits
from waterclock_worker.executors.backup.place import Place
from waterclock_worker.executors.backup.s3.store import open_store

OURS = Place(bucket="b", region="eu-central-1", endpoint="http://127.0.0.1:9000", access_key="k", secret_key="s")
AMAZONS = Place(bucket="b", region="eu-central-1", access_key="k", secret_key="s")
OTHERS = {
    "AWS_PROFILE": "work",
    "AWS_ACCESS_KEY_ID": "another",
    "AWS_SESSION_TOKEN": "token",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566",
    "AWS_RETRY_MODE": "bogus",
    "AWS_MAX_ATTEMPTS": "bogus",
    "AWS_DEFAULTS_MODE": "bogus",
}


@pytest.mark.parametrize(
    ("place", "url"), [(OURS, "http://127.0.0.1:9000"), (AMAZONS, "https://s3.eu-central-1.amazonaws.com")]
)
async def test_a_place_that_names_its_keys_says_all(
    place: Place, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ns3 =\n  use_accelerate_endpoint = true\nretry_mode = bogus\n", "ascii")
    for name, value in {**OTHERS, "AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}.items():
        monkeypatch.setenv(name, value)
    async with open_store(place, Limits()) as store:
        client: Any = vars(store)["_client"]
        meta = client.meta
        assert (meta.endpoint_url, meta.region_name) == (url, "eu-central-1")
        credentials = await client._request_signer._credentials.get_frozen_credentials()
        assert (credentials.access_key, credentials.token) == ("k", None)


async def test_no_endpoint_is_taken_from_the_environment_by_a_place_without_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    async with open_store(Place(bucket="b", region="eu-central-1"), Limits()) as store:
        client: Any = vars(store)["_client"]
        assert client.meta.endpoint_url == "https://s3.eu-central-1.amazonaws.com"
