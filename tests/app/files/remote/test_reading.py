"""OME-Zarr that is read by URL: the same result as from a folder, and never zeros for what cannot be read."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, PSF, refused
from fixtures.servers import DROP
from fixtures.zarr_images import write_image

from rlcore.app.files.remote import objects
from rlcore.app.main import main

zarr = pytest.importorskip("zarr", reason="zarr is not installed")

CHUNK = "0/c/1/1/0"


def voxels(path):
    return np.asarray(zarr.open_group(path, mode="r")["0"][...])


def on_the_web(web, tmp_path, image, name="image.ome.zarr"):
    shutil.copytree(image, tmp_path / "web" / name)
    return f"{web.address}/{name}"


def test_an_image_in_a_bucket_gives_the_bits_of_the_same_image_in_a_folder(put, image, deconvolve, truth, tmp_path):
    url = put(image, "deep/in/image.ome.zarr")
    assert deconvolve(url, tmp_path / "out.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(voxels(tmp_path / "out.ome.zarr"), truth)
    said = json.loads((tmp_path / "out.ome.zarr" / "zarr.json").read_text())["attributes"]["rlcore"]
    assert said["image"] == "image.ome.zarr"


def test_an_image_on_a_web_server_does_too(web, image, deconvolve, truth, tmp_path):
    assert deconvolve(on_the_web(web, tmp_path, image), tmp_path / "out.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(voxels(tmp_path / "out.ome.zarr"), truth)


def test_an_image_in_a_bucket_of_google_does_too(web, image, deconvolve, truth, tmp_path, monkeypatch):
    monkeypatch.setitem(objects.CLIENT, "allow_http", True)
    nobody = {"gcs_base_url": web.address, "disable_oauth": True, "client_email": "", "private_key": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps({**nobody, "private_key_id": ""}))
    on_the_web(web, tmp_path, image, "some-bucket/image.ome.zarr")
    done = deconvolve("gs://some-bucket/image.ome.zarr", tmp_path / "out.ome.zarr")
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(voxels(tmp_path / "out.ome.zarr"), truth)


def test_a_psf_is_read_by_url_whichever_way_it_is_given(put, image, deconvolve, tmp_path):
    psf = put(write_image(tmp_path / "psf.ome.zarr", PSF), "psf.ome.zarr")
    results = [tmp_path / f"{number}.ome.zarr" for number in range(3)]
    assert deconvolve(image, results[0], psf=tmp_path / "psf.ome.zarr").exit_code == 0
    assert deconvolve(image, results[1], psf=psf).exit_code == 0
    command = [
        "deconvolve",
        str(image),
        "--psf",
        f"0={psf}",
        "-o",
        str(results[2]),
        "-n",
        "3",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    assert CliRunner().invoke(main, command).exit_code == 0
    first, *others = map(voxels, results)
    assert all(np.array_equal(first, other) for other in others)


def test_a_plan_reads_no_chunk_of_the_image(bucket, put, image, files):
    url = put(image, "image.ome.zarr")
    done = CliRunner().invoke(main, ["plan", url, str(files / "psf.tif"), "--backend", "numpy", *NO_CAMERA])
    assert done.exit_code == 0, done.output
    assert bucket.requests
    assert not [path for _, path in bucket.requests if "/c/" in path]


@pytest.mark.parametrize("fault", [403, 500, 503, 429, DROP], ids=str)
@pytest.mark.parametrize("kind", ["s3", "http"])
def test_a_chunk_that_cannot_be_read_is_named_and_never_zeros(
    kind, fault, bucket, web, put, image, deconvolve, tmp_path
):
    server, url = (bucket, put(image, "image.ome.zarr")) if kind == "s3" else (web, on_the_web(web, tmp_path, image))
    server.faults["GET", CHUNK] = fault
    done = deconvolve(url, tmp_path / "out.ome.zarr")
    refused(done, f"image '{url}' cannot be read at chunk 1/1/0: ")
    if isinstance(fault, int):
        assert str(fault) in done.stderr.splitlines()[-1]
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith((".rlcore", "out"))]


def test_a_chunk_that_does_not_exist_is_the_fill_value(put, image, deconvolve, tmp_path):
    (image / CHUNK).unlink()
    assert deconvolve(image, tmp_path / "folder.ome.zarr").exit_code == 0
    assert deconvolve(put(image, "image.ome.zarr"), tmp_path / "url.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(voxels(tmp_path / "url.ome.zarr"), voxels(tmp_path / "folder.ome.zarr"))


def test_a_fault_that_passes_is_not_noticed(bucket, put, image, deconvolve, truth, tmp_path):
    url, answers = put(image, "image.ome.zarr"), bucket.answers
    failed = []

    def answer(method, path, headers, body):
        if path.endswith(CHUNK) and len(failed) < 3:  # one more than the library tries, so the chunk is asked for anew
            failed.append(path)
            return 503, {}, b""
        return answers(method, path, headers, body)

    bucket.answers = answer
    assert deconvolve(url, tmp_path / "out.ome.zarr").exit_code == 0
    assert len(failed) == 3
    np.testing.assert_array_equal(voxels(tmp_path / "out.ome.zarr"), truth)


def test_a_bucket_that_is_gone_is_no_image_of_zeros(bucket, put, image, deconvolve, tmp_path):
    url, answers = put(image, "image.ome.zarr"), bucket.answers
    gone = b"<Error><Code>NoSuchBucket</Code></Error>"
    bucket.answers = lambda method, path, *rest: (
        (404, {}, gone) if path.endswith(CHUNK) else answers(method, path, *rest)
    )
    refused(deconvolve(url, tmp_path / "out.ome.zarr"), "at chunk 1/1/0: there is no bucket 'bucket'")


@pytest.mark.parametrize(
    ("url", "texts"),
    [
        ("s3://bucket/none.ome.zarr", ["is no Zarr", "check the URL"]),
        ("s3://none/image.ome.zarr", ["is no Zarr"]),
        ("s3://bucket/image.tif", ["OME-Zarr", "download"]),
        ("s3://bucket/image.npy", ["OME-Zarr", "download"]),
        ("s3://bucket/none.ozx", ["does not exist"]),
        ("http://127.0.0.1:9/image.ome.zarr", ["refuses connections"]),
        ("https://no.such.host.invalid/image.ome.zarr", ["its host is not known"]),
        ("ftp://host/image.ome.zarr", ["kind that is not known", "s3://"]),
        ("file:///image.ome.zarr", ["kind that is not known", "a path"]),
        ("https://me:secret@host/image.ome.zarr", ["leave them out"]),
        ("https://host/image.ome.zarr?token=1", ["a query"]),
        ("https://host/image.ome.zarr#0", ["a query"]),
        ("s3://", ["no bucket"]),
        ("s3:///image.ome.zarr", ["no bucket"]),
        ("s3://bucket/a/../image.ome.zarr", ["'..'"]),
        ("s3://bucket/a//image.ome.zarr", ["empty part"]),
    ],
)
def test_a_url_that_cannot_be_read_is_refused_in_one_sentence(url, texts, bucket, deconvolve, tmp_path):
    done = deconvolve(url, tmp_path / "out.ome.zarr")
    refused(done, *texts)
    assert "secret" not in done.output


@pytest.mark.parametrize(
    ("status", "said", "texts"),
    [
        (403, b"<Error><Code>AccessDenied</Code></Error>", ["access is denied", "AWS_ACCESS_KEY_ID"]),
        (401, b"", ["access is denied"]),
        (400, b"<Error><Code>AuthorizationHeaderMalformed</Code></Error>", ["another region", "AWS_REGION"]),
        (500, b"", ["500", "try again"]),
    ],
)
def test_metadata_that_cannot_be_read_are_refused_with_what_to_do(status, said, texts, bucket, put, image, deconvolve):
    url, answers = put(image, "image.ome.zarr"), bucket.answers
    bucket.answers = lambda method, path, *rest: (
        (status, {}, said if method != "HEAD" else b"") if path.endswith("zarr.json") and method == "GET"
        else answers(method, path, *rest)
    )  # fmt: skip
    refused(deconvolve(url, "out.ome.zarr"), f"image '{url}' cannot be read", *texts)


def test_without_credentials_a_bucket_is_read_as_a_public_one(bucket, put, image, deconvolve, tmp_path, monkeypatch):
    url, answers, signed = put(image, "image.ome.zarr"), bucket.answers, []
    known = None

    def answer(method, path, headers, body):
        mark = next((value for name, value in headers.items() if name.lower() == "authorization"), None)
        signed.append(mark)
        # the server of the bucket, unlike a public one, refuses requests that nobody has signed
        return answers(method, path, {**headers, "Authorization": mark or known}, body)

    bucket.answers = answer
    assert deconvolve(url, tmp_path / "a.ome.zarr").exit_code == 0
    assert all(signed)
    known = signed[0]
    signed.clear()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert deconvolve(url, tmp_path / "b.ome.zarr").exit_code == 0
    assert signed
    assert not any(signed)


@pytest.mark.parametrize("option", ["--checkpoint", "--report"])
def test_a_url_where_only_a_path_can_be_is_refused(option, image, deconvolve, tmp_path):
    done = deconvolve(image, tmp_path / "out.ome.zarr", option, "s3://bucket/a.html")
    refused(done, f"{option[2:]} 's3://bucket/a.html' is a URL")


def test_without_the_library_one_sentence_says_how_to_get_it(image, deconvolve, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "obstore", None)
    refused(deconvolve("s3://bucket/image.ome.zarr", tmp_path / "out.tif"), "pip install 'rlcore[cloud]'")
    refused(deconvolve(image, "s3://bucket/out.ome.zarr"), "pip install 'rlcore[cloud]'")
    assert deconvolve(image, tmp_path / "out.ozx").exit_code == 0
    # the same extra brings zarr, which is missing too where the command line alone is installed
    monkeypatch.setitem(sys.modules, "zarr", None)
    refused(deconvolve("s3://bucket/image.ome.zarr", tmp_path / "out.tif"), "pip install 'rlcore[cloud]'")


def archive_on_the_web(web, tmp_path, image):
    shutil.make_archive(str(tmp_path / "web" / "image"), "zip", image)
    return f"{web.address}/image.zip"


def test_a_server_that_fails_to_give_an_archive_is_not_taken_for_one_that_is_cut_short(
    web, image, deconvolve, tmp_path
):
    url = archive_on_the_web(web, tmp_path, image)
    web.faults["GET", ".zip"] = 403
    refused(deconvolve(url, tmp_path / "out.ome.zarr"), f"image '{url}' cannot be read: access is denied (403")
    web.faults["GET", ".zip"] = 503
    refused(deconvolve(url, tmp_path / "out.ome.zarr"), f"image '{url}' cannot be read: the server failed (503")


def test_an_archive_is_not_read_from_a_server_that_gives_no_parts_of_files(web, image, deconvolve, tmp_path):
    url = archive_on_the_web(web, tmp_path, image)
    whole = web.answers
    web.answers = lambda method, path, headers, body: whole(
        method, path, {name: value for name, value in headers.items() if name.lower() != "range"}, body
    )
    refused(deconvolve(url, tmp_path / "out.ome.zarr"), "the server gives no parts of files; download the archive")


@pytest.mark.parametrize("said", [{}, {"bioformats2raw.layout": 3}])
def test_a_group_on_a_server_that_lists_nothing_has_its_images_named_by_their_urls(
    said, web, image, deconvolve, truth, tmp_path
):
    group = zarr.open_group(tmp_path / "web" / "group.zarr", mode="w")
    group.attrs["ome"] = {"version": "0.5", **said}
    shutil.copytree(image, tmp_path / "web" / "group.zarr" / "0")
    url = f"{web.address}/group.zarr"
    refused(deconvolve(url, tmp_path / "out.ome.zarr"), "its server does not list what is there; name the URL of the")
    assert deconvolve(f"{url}/0", tmp_path / "out.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(voxels(tmp_path / "out.ome.zarr"), truth)
