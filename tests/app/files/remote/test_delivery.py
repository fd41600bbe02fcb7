"""Outputs by URL: whole or not there, never in place of anything else, and never lost."""

import itertools
import json
import os
import signal
import time
from dataclasses import asdict

import numpy as np
import pytest
from fixtures.commands import refused
from fixtures.zarr_images import write_image

from rlcore.app.files.writing.owner import Owner

zarr = pytest.importorskip("zarr", reason="zarr is not installed")

OUT = "s3://bucket/out/restored.ome.zarr"
HERE = "out/restored.ome.zarr/"
LOCK = HERE + ".rlcore-lock"


def outputs(keys):
    return {key.removeprefix(HERE): content for key, content in keys().items() if key.startswith(HERE)}


def voxels(path):
    return np.asarray(zarr.open_group(path, mode="r")["0"][...])


def lock_of(**changes):
    return json.dumps(asdict(Owner(output="restored.ome.zarr", folder="x", **changes)))


def test_a_chain_of_runs_through_buckets_and_archives_keeps_every_bit(bucket, image, deconvolve, tmp_path):
    """The same chain through folders gives the same bits in the end."""
    places = [OUT, tmp_path / "a.ozx", "s3://bucket/b.ozx", tmp_path / "end.ome.zarr"]
    folders = [tmp_path / f"{number}.ome.zarr" for number in range(len(places))]
    for chain in places, folders:
        for before, after in itertools.pairwise([image, *chain]):
            done = deconvolve(before, after)
            assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(voxels(places[-1]), voxels(folders[-1]))


def test_an_output_by_url_is_that_of_a_path_object_by_object(bucket, image, keys, deconvolve, tmp_path):
    assert deconvolve(image, tmp_path / "restored.ome.zarr").exit_code == 0
    assert deconvolve(image, OUT).exit_code == 0
    local = {
        p.relative_to(tmp_path / "restored.ome.zarr").as_posix(): p for p in (tmp_path / "restored.ome.zarr").rglob("*")
    }
    there = outputs(keys)
    assert there == {name: path.read_bytes() for name, path in local.items() if path.is_file()}
    assert keys().keys() == {HERE + name for name in there}


def test_the_metadata_of_the_root_come_last_and_only_then_it_is_an_image(bucket, image, deconvolve):
    assert deconvolve(image, OUT).exit_code == 0
    written = [path.removeprefix("/bucket/") for method, path in bucket.requests if method == "PUT"]
    assert written[0] == LOCK
    assert written[-1] == HERE + "zarr.json"
    assert written.count(HERE + "zarr.json") == 1


def test_a_run_leaves_nothing_on_this_machine(bucket, image, deconvolve, tmp_path):
    import platformdirs

    assert deconvolve(image, OUT).exit_code == 0
    assert not list(platformdirs.user_cache_path("rlcore").glob("uploads/*"))
    assert deconvolve(image, OUT, "--force", "--checkpoint", tmp_path / "state").exit_code == 0
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith((".rlcore", "state"))]


def test_what_is_there_is_replaced_by_force_alone_and_only_by_a_whole_image(bucket, image, put, keys, deconvolve):
    old = write_image(image.with_name("old.ome.zarr"), chunks=(3, 9, 26))
    put(old, "out/restored.ome.zarr")
    put(old / "0", HERE + "1")  # a level more than the new image has
    put("mine", "out/restored.ome.zarr2/notes.txt")
    before = keys()
    refused(deconvolve(image, OUT), f"output '{OUT}' exists", "--force")
    assert keys() == before
    assert deconvolve(image, OUT, "--force").exit_code == 0
    assert "0/c/3/2/0" in {key.removeprefix(HERE) for key in before}
    assert "0/c/3/2/0" not in outputs(keys)
    assert keys()["out/restored.ome.zarr2/notes.txt"] == b"mine"


@pytest.mark.parametrize("key", ["notes.txt", "0/notes.txt", "labels/cells/zarr.json", "1/0/zarr.json"])
def test_an_image_with_anything_else_is_never_replaced(key, bucket, image, put, keys, deconvolve):
    put(image, "out/restored.ome.zarr")
    put("{}", HERE + key)
    before = keys()
    refused(deconvolve(image, OUT, "--force"), "no part of an image", key.split("/")[0])
    assert keys() == before


def test_objects_that_are_no_zarr_are_never_replaced(bucket, image, put, keys, deconvolve):
    put("mine", HERE + "notes.txt")
    refused(deconvolve(image, OUT), "exists")
    refused(deconvolve(image, OUT, "--force"), "no Zarr")
    assert keys() == {HERE + "notes.txt": b"mine"}


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("a/image.ome.zarr", "a/image.ome.zarr"),
        ("a/image.ome.zarr", "a/image.ome.zarr/b.ome.zarr"),
        ("a.ome.zarr/image.ome.zarr", "a.ome.zarr"),
    ],
)
def test_an_output_is_apart_from_the_input(source, out, force, bucket, image, put, keys, deconvolve):
    url = put(image, source)
    before = keys()
    refused(deconvolve(url, f"s3://bucket/{out}", *force), "output 's3://bucket/")
    refused(deconvolve(f"{bucket.address}/bucket/{source}", f"s3://bucket/{out}", *force), "output 's3://bucket/")
    assert keys() == before


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://host/out.ome.zarr", "only read"),
        ("s3://bucket", "whole bucket"),
        ("s3://bucket/out.tif", "ending"),
        ("s3://bucket/out", "ending"),
        ("s3://none/out.ome.zarr", "no bucket"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_run(url, text, bucket, image, keys, deconvolve):
    refused(deconvolve(image, url), f"output '{url}'", text)
    assert keys() == {}


def test_a_bucket_that_cannot_be_written_to_is_refused_before_the_run(bucket, image, deconvolve):
    bucket.faults["PUT", ".rlcore-lock"] = 403
    refused(deconvolve(image, OUT), f"output '{OUT}' cannot be used: access is denied", "AWS_ACCESS_KEY_ID")
    assert not [path for method, path in bucket.requests if method == "PUT" and not path.endswith("lock")]


@pytest.mark.parametrize("fault", [403, 500])
@pytest.mark.parametrize("at", ["0/c/0/0/0", "0/zarr.json", "restored.ome.zarr/zarr.json"])
def test_an_upload_that_fails_is_finished_by_the_same_command(
    fault, at, bucket, image, keys, deconvolve, truth, tmp_path, monkeypatch
):
    bucket.faults["PUT", at] = fault
    state = tmp_path / "state"
    failed = deconvolve(image, OUT, "--checkpoint", state)
    refused(failed, f"output '{OUT}' cannot be uploaded", str(fault), "complete in", "the same command", code=1)
    assert "zarr.json" not in outputs(keys)
    held = next(tmp_path.glob(".rlcore-upload-*/restored.ome.zarr"))
    np.testing.assert_array_equal(voxels(held), truth)
    bucket.faults.clear()
    monkeypatch.setattr("rlcore.deconvolve", None)  # nothing is restored again
    assert deconvolve(image, OUT, "--checkpoint", state).exit_code == 0
    there = outputs(keys)
    assert ".rlcore-lock" not in there
    assert not state.exists()
    assert not list(tmp_path.glob(".rlcore*"))
    deconvolved = tmp_path / "fetched.ome.zarr"
    for name, content in there.items():
        (deconvolved / name).parent.mkdir(parents=True, exist_ok=True)
        (deconvolved / name).write_bytes(content)
    np.testing.assert_array_equal(voxels(deconvolved), truth)


@pytest.mark.skipif(os.name == "nt", reason="signals are sent otherwise on Windows")
def test_an_upload_that_is_stopped_is_finished_by_the_same_command(bucket, image, keys, deconvolve, tmp_path):
    answers, state = bucket.answers, tmp_path / "state"

    def answer(method, path, headers, body):
        if method == "PUT" and path.endswith("0/c/0/0/0"):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
        return answers(method, path, headers, body)

    bucket.answers = answer
    stopped = deconvolve(image, OUT, "--checkpoint", state)
    assert stopped.exit_code == 130
    assert "the same command" in stopped.stderr.splitlines()[-1]
    assert "zarr.json" not in outputs(keys)
    bucket.answers = answers
    assert deconvolve(image, OUT, "--checkpoint", state).exit_code == 0
    assert {"zarr.json", "0/c/0/0/0"} <= outputs(keys).keys()


def test_without_a_checkpoint_a_failed_upload_says_where_the_result_is(bucket, image, keys, deconvolve, truth):
    import platformdirs

    bucket.faults["PUT", "0/c/0/0/0"] = 500
    refused(deconvolve(image, OUT), "cannot be uploaded", "complete in", "by hand", "zarr.json at its top last", code=1)
    held = next(platformdirs.user_cache_path("rlcore").glob("uploads/*/restored.ome.zarr"))
    np.testing.assert_array_equal(voxels(held), truth)
    bucket.faults.clear()
    refused(deconvolve(image, OUT), f"complete result in '{held}'", "--force")
    np.testing.assert_array_equal(voxels(held), truth)
    assert deconvolve(image, OUT, "--force").exit_code == 0
    assert "zarr.json" in outputs(keys)
    assert not held.exists()


def test_a_server_that_keeps_less_than_it_was_sent_is_noticed(bucket, image, keys, deconvolve):
    answers = bucket.answers

    def answer(method, path, headers, body):
        if method == "PUT" and path.endswith("0/c/0/0/0"):
            return 200, {"ETag": '"none"'}, b""
        return answers(method, path, headers, body)

    bucket.answers = answer
    refused(deconvolve(image, OUT), "what is there is not what was uploaded", code=1)
    assert "zarr.json" not in outputs(keys)


def test_one_run_writes_an_output_at_a_time(bucket, image, put, keys, deconvolve):
    put(lock_of(), LOCK)  # of this process, which runs
    before = keys()
    for options in [], ["--force"], ["--force-unlock"]:
        refused(deconvolve(image, OUT, *options), f"output '{OUT}' is being written by process", code=1)
    assert keys() == before


def test_a_lock_of_another_host_is_taken_over_when_the_user_says_so(bucket, image, put, keys, deconvolve):
    put(lock_of(host="elsewhere", machine="other"), LOCK)
    refused(deconvolve(image, OUT), "on host 'elsewhere'", "--force-unlock", code=1)
    assert deconvolve(image, OUT, "--force-unlock").exit_code == 0
    assert ".rlcore-lock" not in outputs(keys)


@pytest.mark.parametrize("changes", [{"pid": 2**22 + 7}, {"ended": True}], ids=["gone", "ended"])
def test_a_lock_of_an_ended_run_is_taken_over_with_what_its_upload_has_left(
    changes, bucket, image, put, keys, deconvolve
):
    put(write_image(image.with_name("part.ome.zarr"), chunks=(3, 9, 26)) / "0", HERE + "0")
    put(lock_of(**changes), LOCK)
    assert deconvolve(image, OUT).exit_code == 0
    there = outputs(keys)
    assert "zarr.json" in there
    assert not {"0/c/3/2/0", ".rlcore-lock"} & there.keys()


def test_a_lock_that_says_nothing_is_not_taken_over(bucket, image, put, deconvolve):
    put("{}", LOCK)
    refused(deconvolve(image, OUT), "does not say for whom", "--force-unlock", code=1)


def test_a_run_that_fails_before_its_upload_leaves_nothing(bucket, image, keys, deconvolve, tmp_path):
    (image / "0" / "c" / "1" / "1" / "0").write_bytes(b"damaged")
    refused(deconvolve(image, OUT), "at chunk 1/1/0")
    assert keys() == {}


def test_an_archive_is_one_object_and_replaced_by_force_alone(bucket, image, keys, deconvolve):
    url = "s3://bucket/deep/out.ozx"
    assert deconvolve(image, url).exit_code == 0
    assert list(keys()) == ["deep/out.ozx"]
    refused(deconvolve(image, url), "exists", "--force")
    assert deconvolve(image, url, "--force").exit_code == 0
    assert list(keys()) == ["deep/out.ozx"]


def test_a_report_of_an_output_by_url_shows_it(bucket, image, deconvolve, tmp_path):
    assert deconvolve(image, OUT, "--report", tmp_path / "report.html").exit_code == 0
    assert "restored.ome.zarr" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("change", ["chunk", "metadata", "new chunk"])
def test_a_run_is_not_resumed_from_another_image(change, bucket, image, put, deconvolve, tmp_path):
    url, state = put(image, "image.ome.zarr"), tmp_path / "state"
    bucket.faults["PUT", "0/c/0/0/0"] = 500
    assert deconvolve(url, OUT, "--checkpoint", state).exit_code == 1
    bucket.faults.clear()
    if change == "metadata":
        put((image / "zarr.json").read_text() + " ", "image.ome.zarr/zarr.json")
    else:
        put("other", "image.ome.zarr/0/c/" + ("1/1/0" if change == "chunk" else "7/0/0"))
    refused(deconvolve(url, OUT, "--checkpoint", state), "of another run, with other image")
