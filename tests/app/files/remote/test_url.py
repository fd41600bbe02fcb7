"""URLs: parsed, named and compared."""

import pytest

from rlcore.app.files.remote.url import Url, location


def url(text):
    found = location(text)
    assert isinstance(found, Url)
    return found


@pytest.mark.parametrize("text", ["a.tif", "/a/b.ome.zarr", "s3:/bucket/key", "C:\\a", "a://"[:2], "./s3://b"[:4]])
def test_a_path_stays_a_path(text):
    assert not isinstance(location(text), Url)
    assert str(location(text)) == text.removeprefix("./")


def test_a_url_keeps_its_text_and_has_the_name_of_its_last_part():
    found = url("S3://Bucket/a b/Image.ome.zarr/")
    assert str(found) == "s3://Bucket/a b/Image.ome.zarr"
    assert (found.name, found.suffix) == ("Image.ome.zarr", ".zarr")
    assert str(found.parent) == "s3://Bucket/a b"
    assert url("gs://bucket").name == "bucket"


@pytest.mark.parametrize(
    "other",
    [
        "https://bucket.s3.amazonaws.com/a/b.zarr",
        "https://bucket.s3.eu-west-1.amazonaws.com/a/b.zarr",
        "https://s3.amazonaws.com/bucket/a/b.zarr",
        "https://s3.eu-west-1.amazonaws.com/bucket/a/b.zarr",
        "https://store.example.org:9000/bucket/a/b.zarr",
        "https://bucket.s3.amazonaws.com/a/%62.zarr",
    ],
)
def test_addresses_of_one_object_are_the_same(other, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://store.example.org:9000/")
    assert url(other).lineage() == url("s3://bucket/a/b.zarr").lineage()


def test_addresses_of_other_objects_are_not(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    texts = ["s3://bucket/a", "gs://bucket/a", "s3://bucket/A", "s3://bucket2/a", "https://bucket/a", "s3://bucket/a/b"]
    assert len({url(text).lineage()[0] for text in texts}) == len(texts)
    assert url("https://Host/a").lineage() == url("http://host/a").lineage()
    assert url("https://storage.googleapis.com/bucket/a").lineage() == url("gs://bucket/a").lineage()
