"""Zipped OME-Zarr: read from archives of any making, and written as RFC-9 of OME-Zarr recommends."""

import json
import signal
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, SIGNALLED, refused
from fixtures.zarr_images import write_image

from rlcore.app.main import main

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

CHUNK = "0/c/1/1/0"


@pytest.fixture
def image(tmp_path):
    return write_image(tmp_path / "image.ome.zarr")


def deconvolve(files, image, output, *options):
    command = [
        "deconvolve",
        str(image),
        str(files / "psf.tif"),
        "-o",
        str(output),
        "-n",
        "3",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    return CliRunner().invoke(main, [*command, *map(str, options)])


def archive_of(folder, path, inside="", change=lambda name, content: content, **options):
    with zipfile.ZipFile(path, "w", **options) as made:
        for each in sorted(folder.rglob("*")):
            if each.is_file():
                name = each.relative_to(folder).as_posix()
                made.writestr(inside + name, change(name, each.read_bytes()))
    return path


def voxels(path):
    if path.is_dir():
        return np.asarray(zarr.open_group(path, mode="r")["0"][...])
    with zarr.storage.ZipStore(path, mode="r") as store:
        return np.asarray(zarr.open_group(store, mode="r")["0"][...])


@pytest.mark.parametrize("inside", ["", "image.ome.zarr/", "any name/"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("name", ["a.ozx", "a.ome.zarr.zip", "A.ZIP"])
def test_an_archive_gives_the_bits_of_its_folder(inside, compression, name, files, image):
    assert deconvolve(files, image, files / "folder.ome.zarr").exit_code == 0
    archive = archive_of(image, files / name, inside, compression=compression)
    assert deconvolve(files, archive, files / "out.ome.zarr").exit_code == 0
    np.testing.assert_array_equal(voxels(files / "out.ome.zarr"), voxels(files / "folder.ome.zarr"))


@pytest.mark.parametrize("name", ["a.ozx", "a.ome.zarr.zip", "a.zarr.zip"])
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_an_archive_that_is_written_holds_the_files_of_a_folder(name, dtype, files, image):
    assert deconvolve(files, image, files / "folder.ome.zarr", "--dtype", dtype).exit_code == 0
    assert deconvolve(files, image, files / name, "--dtype", dtype).exit_code == 0
    with zipfile.ZipFile(files / name) as made:
        entries = {each.filename: made.read(each) for each in made.infolist()}
    folder = files / "folder.ome.zarr"
    assert entries == {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert not [path.name for path in files.iterdir() if path.name.startswith(".rlcore")]


def test_an_archive_begins_with_its_metadata_and_compresses_nothing(files, image):
    assert deconvolve(files, image, files / "a.ozx").exit_code == 0
    with zipfile.ZipFile(files / "a.ozx") as made:
        entries, comment = made.infolist(), json.loads(made.comment)
    names = [each.filename for each in entries]
    assert names[:2] == ["zarr.json", "0/zarr.json"]
    assert not [name for name in names[2:] if name.endswith("zarr.json")]
    assert {each.compress_type for each in entries} == {zipfile.ZIP_STORED}
    assert [each.header_offset for each in entries] == sorted(each.header_offset for each in entries)
    assert comment["ome"] == {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}


def test_an_archive_is_replaced_by_force_alone(files, image):
    assert deconvolve(files, image, files / "a.ozx").exit_code == 0
    before = (files / "a.ozx").read_bytes()
    refused(deconvolve(files, image, files / "a.ozx"), "exists", "--force")
    assert (files / "a.ozx").read_bytes() == before
    assert deconvolve(files, image, files / "a.ozx", "--force").exit_code == 0
    refused(deconvolve(files, files / "a.ozx", files / "a.ozx", "--force"), "is one of the inputs")


def test_a_name_that_is_only_a_zip_is_no_output(files, image):
    refused(deconvolve(files, image, files / "a.zip"), "no ending that is known", ".zarr.zip", ".ozx")


@pytest.mark.parametrize(
    ("make", "texts"),
    [
        (lambda path, image: path.write_bytes(b"no archive"), ["no whole zip archive"]),
        (lambda path, image: path.write_bytes(b""), ["no whole zip archive"]),
        (lambda path, image: path.write_bytes(archive_of(image, path).read_bytes()[:-30]), ["no whole zip archive"]),
        (lambda path, image: archive_of(image / "0" / "c", path), ["without an OME-Zarr"]),
        (lambda path, image: archive_of(image, path, "a/b/"), ["without an OME-Zarr"]),
        (lambda path, image: archive_of(image / "0", path), ["is a single array of a Zarr"]),
        (lambda path, image: _marked(archive_of(image, path), 8, 1), ["with a password; unpack it"]),
        (lambda path, image: _marked(archive_of(image, path), 10, 97), ["by a method that is not known", "97"]),
        (lambda path, image: archive_of(image, path, change=_damage_chunk), ["at chunk 1/1/0"]),
        (lambda path, image: _flip(archive_of(image, path)), ["at chunk 1/1/0", "CRC"]),
        (lambda path, image: _two(image, path), ["several Zarrs", "'a'", "'b'"]),
    ],
    ids=["text", "empty", "cut", "chunks", "deep", "array", "password", "method", "chunk", "flipped", "two"],
)
def test_an_archive_that_cannot_be_read_is_refused_in_one_sentence(make, texts, files, image):
    make(files / "a.ozx", image)
    refused(deconvolve(files, files / "a.ozx", files / "out.tif"), f"image '{files / 'a.ozx'}'", *texts)
    assert not (files / "out.tif").exists()


def _marked(path, offset, value):
    """Writes a byte into the entry of every file in the archive's directory."""
    content, at = bytearray(path.read_bytes()), 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        content[at + offset] |= value
        at += 4
    path.write_bytes(content)


def _damage_chunk(name, content):
    return content[: len(content) // 2] if name == CHUNK else content


def _flip(path):
    with zipfile.ZipFile(path) as made:
        at = made.getinfo(CHUNK).header_offset + 30 + len(CHUNK) + 20
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


def _two(image, path):
    archive_of(image, path, "a/")
    with zipfile.ZipFile(path, "a") as made:
        made.writestr("b/zarr.json", "{}")


def test_an_archive_that_does_not_exist_is_refused(files):
    refused(deconvolve(files, files / "none.ozx", files / "out.tif"), "does not exist")


def test_a_disk_without_room_for_folder_and_archive_refuses_the_run(files, image, monkeypatch):
    from rlcore.app.files.writing import destination

    # room for one of both
    room = type("Room", (), {"free": int(1.5 * 4 * 10 * 24 * 26)})
    monkeypatch.setattr(destination.shutil, "disk_usage", lambda folder: room)
    assert deconvolve(files, image, files / "out.ome.zarr").exit_code == 0
    refused(deconvolve(files, image, files / "out.ozx"), "free", "needs")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_a_run_that_was_killed_while_it_packed_is_resumed(dtype, files, image):
    assert deconvolve(files, image, files / "whole.ozx", "--dtype", dtype).exit_code == 0
    command = [
        "deconvolve",
        image,
        files / "psf.tif",
        "-o",
        files / "out.ozx",
        "-n",
        "3",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    command += ["--dtype", dtype, "--checkpoint", files / "state"]
    program = SIGNALLED.replace("Reporter.advance = signalled", _KILLED)
    done = subprocess.run(
        [sys.executable, "-c", program, "9", "1", *map(str, command)], capture_output=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert list(files.glob(".rlcore-work-*/result"))
    assert not (files / "out.ozx").exists()
    again = CliRunner().invoke(main, list(map(str, command)))
    assert again.exit_code == 0, again.output
    np.testing.assert_array_equal(voxels(files / "out.ozx"), voxels(files / "whole.ozx"))
    assert not (files / "state").exists()
    assert not [path.name for path in files.iterdir() if path.name.startswith(".rlcore")]


_KILLED = """
import zipfile

write = zipfile.ZipInfo.from_file

def killed(file, name, **options):
    if "/c/" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, name, **options)

zipfile.ZipInfo.from_file = killed
"""
