"""Servers of buckets and of files, and images on them."""

import logging
from datetime import timedelta

import numpy as np
import pytest
from fixtures.commands import NO_CAMERA
from fixtures.servers import files_of, forward_to, serving
from fixtures.zarr_images import write_image

from rlcore.app.files.remote import objects

PACKAGES = ("zarr", "yaozarrs", "obstore", "moto")
VARIABLES = ("AWS_SESSION_TOKEN", "AWS_SKIP_SIGNATURE", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE")


@pytest.fixture(scope="session")
def moto():
    """Address of a server of buckets, whose one bucket is "bucket"."""
    for package in PACKAGES:
        pytest.importorskip(package, reason=f"{package} is not installed")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def bucket(moto, monkeypatch):
    """A server before the bucket's, which notes requests and has faults; the environment names it."""
    with serving(forward_to(*moto)) as server:
        said = {"AWS_ENDPOINT_URL": server.address, "AWS_REGION": "us-east-1"}
        for name, value in {**said, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}.items():
            monkeypatch.setenv(name, value)
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        reset = forward_to(*moto)
        reset("POST", "/moto-api/reset", {}, b"")
        reset("PUT", "/bucket", {}, b"")
        yield server


@pytest.fixture
def web(tmp_path):
    """A web server of a folder `web`."""
    for package in PACKAGES[:3]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    (tmp_path / "web").mkdir()
    with serving(files_of(tmp_path / "web")) as server:
        yield server


@pytest.fixture(autouse=True)
def few_retries(monkeypatch):
    """Faults of these tests do not pass, so there is nothing to wait for."""
    monkeypatch.setattr(objects, "RETRIES", {"max_retries": 1, "retry_timeout": timedelta(seconds=20)})


@pytest.fixture
def image(tmp_path):
    """An OME-Zarr on this machine."""
    return write_image(tmp_path / "image.ome.zarr")


def store(bucket):
    """The store of the whole bucket."""
    from obstore.store import S3Store

    return S3Store("bucket", client_options={"allow_http": True})


@pytest.fixture
def put(bucket):
    """A function that puts a file, a folder or text under a key of the bucket."""
    import obstore

    def put(what, key):
        whole = store(bucket)
        if isinstance(what, str):
            obstore.put(whole, key, what.encode())
        elif what.is_file():
            obstore.put(whole, key, what)
        else:
            for path in (path for path in what.rglob("*") if path.is_file()):
                obstore.put(whole, f"{key}/{path.relative_to(what).as_posix()}", path)
        bucket.requests.clear()
        return f"s3://bucket/{key}"

    return put


@pytest.fixture
def keys(bucket):
    """A function that returns the contents of all objects of the bucket by their keys."""
    import obstore

    def keys():
        whole = store(bucket)
        found = [each["path"] for part in obstore.list(whole) for each in part]
        return {key: bytes(obstore.get(whole, key).bytes()) for key in found}

    return keys


@pytest.fixture
def deconvolve(files):
    """A function that runs the command on an image and an output; the PSF is a TIFF unless it is given."""
    from click.testing import CliRunner

    from rlcore.app.main import main

    def deconvolve(image, output, *options, psf=files / "psf.tif"):
        command = [
            "deconvolve",
            str(image),
            str(psf),
            "-o",
            str(output),
            "-n",
            "3",
            "--backend",
            "numpy",
            *NO_CAMERA,
        ]
        return CliRunner().invoke(main, [*command, *map(str, options)])

    return deconvolve


@pytest.fixture
def truth(image, deconvolve, tmp_path):
    """The restored image, from a file to a file."""
    import zarr

    made = deconvolve(image, tmp_path / "truth.ome.zarr")
    assert made.exit_code == 0, made.output
    volume = np.asarray(zarr.open_group(tmp_path / "truth.ome.zarr", mode="r")["0"][...])
    assert volume.any()
    return volume
