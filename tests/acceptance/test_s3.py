"""Files in S3, against a real server on loopback: patterns, archives, workers, changes, and nothing of the secret."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

import holdfast
from holdfast.domain.errors import SourceChanged, SourceError
from holdfast.interfaces.config import load_project
from holdfast.wiring import LoadResult
from tests.acceptance.items_project import HEADER, ItemsProject, as_rows, items

SECRET = "the-secret-of-the-store"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str) -> Iterator[Any]:
    keys = {"aws_access_key_id": "somebody", "aws_secret_access_key": SECRET, "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=endpoint, **keys)
    client.create_bucket(Bucket="items")
    yield client
    for found in client.list_objects_v2(Bucket="items").get("Contents", []):
        client.delete_object(Bucket="items", Key=found["Key"])
    client.delete_bucket(Bucket="items")
    client.close()


@pytest.fixture
def project(endpoint: str, tmp_path: Path, sqlite_url: str) -> ItemsProject:
    project = ItemsProject(tmp_path / "project", sqlite_url, "append", form="chunk_bytes = 3_000")
    project.env = {"S3_SECRET": SECRET}
    (project.directory / "holdfast.toml").write_text(
        f'[remote.s3]\nendpoint_url = "{endpoint}"\nkey = "somebody"\nsecret = "${{S3_SECRET}}"\n'
    )
    return project


def load(project: ItemsProject, *uris: str) -> LoadResult:
    found = load_project(project.url, start=project.directory)
    settings = holdfast.Settings(url=project.url, project_dir=str(project.directory), remote=found.remote)
    assert SECRET not in repr(settings) + repr(found)
    with holdfast.open_project(settings) as opened:
        return opened.load(found.contract("items"), list(uris))


def put(bucket: Any, key: str, rows: str, *, packed: bool = False) -> None:
    data = (HEADER + rows).encode()
    bucket.put_object(Bucket="items", Key=key, Body=gzip.compress(data) if packed else data)


def test_patterns_archives_and_workers(bucket: Any, project: ItemsProject) -> None:
    """Worker processes get the options of the store; what is loaded is known by its ETag; no secret stays behind."""
    put(bucket, "in/day-2.csv.gz", items(301, 600), packed=True)
    put(bucket, "in/day-10.csv", items(601, 900))
    put(bucket, "in/day-1.csv", items(1, 300))
    uris = ["s3://items/in/day-*"]
    code, out, err = project.run("load", "items", *uris, "--json", "--workers", "2")
    assert code == 0, err
    assert json.loads(out)["datasets"][0]["inserted"] == 900
    assert project.rows() == as_rows(items(1, 900))
    files = project.query("SELECT uri FROM ops_file ORDER BY number")
    assert [row["uri"] for row in files] == [f"s3://items/in/{n}" for n in ("day-1.csv", "day-2.csv.gz", "day-10.csv")]
    code, out, again = project.run("--log-level", "debug", "load", "items", *uris, "--json")
    assert json.loads(out)["datasets"][0]["files"] == {"loaded": 0, "known": 3}
    assert SECRET not in out + err + again
    assert SECRET.encode() not in Path(project.url.removeprefix("sqlite:///")).read_bytes()


def test_changes_and_what_is_not_there(bucket: Any, project: ItemsProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET", SECRET)
    put(bucket, "a.csv", items(1, 300))
    found = load_project(project.url, start=project.directory)
    settings = holdfast.Settings(url=project.url, project_dir=str(project.directory), remote=found.remote)
    with holdfast.open_project(settings) as opened:
        handle = opened.source.open("s3://items/a.csv")
        assert handle.read(0, 5) == HEADER.encode()[:5]
        put(bucket, "a.csv", items(1, 300, "other"))
        with pytest.raises(SourceChanged, match=r"s3://items/a\.csv changed while it was read"):
            handle.read(3_000, 3_010)
    assert load(project, "s3://items/a.csv").error is None
    put(bucket, "a.csv", items(1, 300, "other") + items(301, 310))
    result = load(project, "s3://items/a.csv")
    assert (result.error, result.report.counts.read) == (None, 10), "the tail of what grew"
    for uri, told in [
        ("s3://items/none.csv", "there is no such file or bucket"),
        ("s3://no-such-bucket/a.csv", "there is no such file or bucket"),
        ("s3://items/none-*.csv", "no file matches"),
    ]:
        with pytest.raises(SourceError, match=told):
            load(project, uri)
