"""Files that cannot be read: one sentence that names file and place, and exit code 2; with --debug also the cause."""

import json
import os
import re
import shutil
import socket

import numpy as np
import pytest
import tifffile
import zarr
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, refused, run

from rlcore.app.files.opening import open_file
from rlcore.app.main import main
from rlcore.errors import InputError

STACK = np.random.default_rng(0).poisson(30, (2, 2, 4, 16, 18)).astype(np.uint16)


def npy(path, shape, content, dtype="<u2", **said):
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape, **said})
        file.write(content)


@pytest.mark.parametrize(
    ("shape", "size", "text"),
    [
        ((4, 5, 6), 239, "is cut short: it states 240 bytes of voxels and holds 239"),
        ((4, 5, 6), 241, "is damaged: it states 240 bytes of voxels and holds 241"),
        ((1 << 40, 1 << 40, 1 << 40), 100, "is cut short: it states"),
        ((0, 5, 6), 0, "holds no voxels"),
        ((-1, 5, 6), 60, "holds no voxels"),
    ],
)
def test_an_npy_states_as_much_as_it_holds(files, shape, size, text):
    npy(files / "image.npy", shape, bytes(size))
    refused(run(files, image="image.npy"), text, "image.npy")


def test_an_npy_of_objects_or_complex_numbers_is_refused(files):
    np.save(files / "image.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    refused(run(files, image="image.npy"), "holds Python objects")
    np.save(files / "image.npy", np.ones((4, 4), complex))
    refused(run(files, image="image.npy"), "has voxels of type 'complex128'")


@pytest.mark.parametrize("version", [b"\0\0", b"\1\1", b"\4\0", b"\377\377"])
def test_an_npy_of_an_unknown_version_is_refused(files, version):
    np.save(files / "image.npy", IMAGE)
    content = (files / "image.npy").read_bytes()
    (files / "image.npy").write_bytes(content[:6] + version + content[8:])
    refused(run(files, image="image.npy"), "of NumPy's format, which is not known")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_npy_of_every_version_and_order_is_read(tmp_path, version, order):
    with (tmp_path / "image.npy").open("wb") as file:
        np.lib.format.write_array(file, np.asarray(IMAGE, order=order), version=version)
    opened = open_file(tmp_path / "image.npy", "image")
    assert np.array_equal(opened.only("image"), IMAGE)


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_pipes_sockets_and_devices_are_refused_at_once(files, kind, monkeypatch):
    monkeypatch.chdir(files)  # names of sockets are short
    path = {"pipe": "pipe.tif", "socket": "socket.tif", "device": "/dev/zero"}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    bound = socket.socket(socket.AF_UNIX)
    with bound:
        if kind == "socket":
            bound.bind(path)
        refused(run(files, image=path), "is neither a file nor a folder, but a pipe, a socket or a device")


@pytest.mark.parametrize("name", ["image.tif", "image.ome.tif"])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.95, 0.99])
def test_a_compressed_ome_tiff_cut_short_is_never_taken_for_one_stack(files, name, share):
    path = files / name
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "TCZYX"}, compression="zlib")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    refused(run(files, image=name), "cut short")
    assert not (files / "out.tif").exists()


@pytest.mark.parametrize("size", ["SizeT", "SizeC", "SizeZ", "SizeY", "SizeX", "PlaneCount"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_sizes_in_ome_xml_go_with_the_pages(files, size, compression):
    path = files / "image.tif"
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "TCZYX"}, compression=compression)
    content = path.read_bytes()
    start = content.index(size.encode() + b'="') + len(size) + 2
    path.write_bytes(content[:start] + b"7" + content[start + 1 :])
    refused(run(files), str(path))


def test_a_file_named_ome_tiff_without_ome_xml_is_refused(files):
    tifffile.imwrite(files / "image.ome.tif", IMAGE, ome=False, metadata=None)
    refused(run(files, image="image.ome.tif"), "has no OME-XML, though its name says OME-TIFF")
    tifffile.imwrite(files / "image.tif", IMAGE, description="<?xml version='1.0'?><OME><Image/>", metadata=None)
    refused(run(files), "has damaged OME-XML")


def test_pages_in_a_circle_and_lengths_beyond_the_end_are_found(files):
    path = files / "image.tif"
    tifffile.imwrite(path, IMAGE, metadata=None)
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages.first.offset, tif.pages[len(tif.pages) - 1]
        at, width = last.offset + 2 + 12 * len(last.tags), tif.pages.first.tags["ImageWidth"].valueoffset
    content = path.read_bytes()
    path.write_bytes(content[:at] + first.to_bytes(4, "little") + content[at + 4 :])
    refused(run(files), "leads back to an earlier one")
    path.write_bytes(content[:width] + (1 << 30).to_bytes(4, "little") + content[width + 4 :])
    refused(run(files), "more than the file holds for it")


def test_a_damaged_page_is_named(files):
    path = files / "image.tif"
    tifffile.imwrite(path, IMAGE, metadata={"axes": "ZYX"}, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[3].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset + 40] ^= 255
    path.write_bytes(content)
    refused(run(files), "cannot be read at page 3", str(path))


def _multiscale():
    axes = [{"name": name, "type": kind} for name, kind in zip("tc", ("time", "channel"), strict=True)]
    axes += [{"name": name, "type": "space"} for name in "zyx"]
    scale = {"type": "scale", "scale": [1, 1, 2, 1, 1]}
    return {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}


@pytest.fixture
def group(files):
    group = zarr.open_group(files / "image.zarr", mode="w")
    group.create_array("0", shape=STACK.shape, chunks=(1, 1, 2, 16, 18), dtype="u2")[:] = STACK
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale()]}
    return files / "image.zarr"


@pytest.mark.parametrize("damage", ["truncated", "garbled", "pipe"])
def test_a_damaged_chunk_is_named(files, group, damage):
    chunk = group / "0" / "c" / "1" / "0" / "1" / "0" / "0"
    content = chunk.read_bytes()
    if damage == "pipe":
        if os.name != "posix":
            pytest.skip("pipes are POSIX's")
        chunk.unlink()
        os.mkfifo(chunk)
    else:
        chunk.write_bytes(content[:30] if damage == "truncated" else b"x" * len(content))
    refused(run(files, image="image.zarr"), "cannot be read at chunk 1/0/1/0/0", str(group))
    assert not (files / "out.tif").exists()


@pytest.mark.parametrize("name", ["zarr.json", "0/zarr.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"zarr_format": 3}', "[" * 100000])
def test_damaged_metadata_of_a_zarr_are_refused(files, group, name, content):
    (group / name).write_text(content)
    refused(run(files, image="image.zarr"), str(group))


@pytest.mark.parametrize("key", ["data_type", "codecs", "chunk_grid", "shape", "fill_value", "node_type"])
def test_every_entry_of_an_array_may_be_nonsense(files, group, key):
    said = json.loads((group / "0" / "zarr.json").read_text())
    for value in ("x", -1, None, [], {}, [[]]):
        (group / "0" / "zarr.json").write_text(json.dumps({**said, key: value}))
        result = run(files, "--force", image="image.zarr")
        if result.exit_code != 0:  # a fill value may be anything that the type can hold
            refused(result, str(group))


ABSURD = [
    ({"shape": [2, 2, 4, 16, 0]}, "has shape (2, 2, 4, 16, 0), which holds no voxels"),
    ({"shape": [2, 2, 4, 16, 10**30]}, "too large for any memory"),
    ({"chunks": [1, 1, 2, 0, 18]}, "has chunks of shape (1, 1, 2, 0, 18), which holds no voxels"),
    ({"chunks": [1, 1, 2, 1 << 40, 1 << 40]}, "too large for any memory"),
    ({"fill_value": "x"}, "cannot be read"),
]


@pytest.mark.parametrize(("entries", "text"), ABSURD)
@pytest.mark.parametrize("version", [2, 3])
def test_a_zarr_array_of_absurd_lengths_is_refused(files, group, version, entries, text):
    metadata = group / "0" / "zarr.json"
    if version == 2:
        group = zarr.open_group(files / "image.zarr", mode="w", zarr_format=2)
        group.create_array("0", shape=STACK.shape, chunks=(1, 1, 2, 16, 18), dtype="u2")[:] = STACK
        group.attrs.update({"multiscales": [{**_multiscale(), "version": "0.4"}]})
        metadata = files / "image.zarr" / "0" / ".zarray"
    elif "chunks" in entries:
        entries = {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": entries["chunks"]}}}
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | entries))
    refused(run(files, image="image.zarr"), text)


@pytest.mark.parametrize("name", ["../../other.zarr/0", "/", "..", "0/c", "nothing"])
def test_a_zarr_is_never_read_beyond_its_folder(files, group, name):
    shutil.copytree(group, files / "other.zarr")
    multiscale = _multiscale()
    multiscale["datasets"][0]["path"] = name
    zarr.open_group(group).attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    refused(run(files, image="image.zarr"), str(group))


def test_the_cause_is_kept_and_printed_with_debug(files):
    (files / "image.tif").write_bytes(b"II*\0" + bytes(3))
    with pytest.raises(InputError) as told:
        open_file(files / "image.tif", "image")
    assert told.value.__cause__ is not None
    command = ["deconvolve", str(files / "image.tif"), str(files / "psf.tif"), "-o", str(files / "out.tif")]
    plain, debug = (CliRunner().invoke(main, [*flag, *command]) for flag in ([], ["--debug"]))
    assert (plain.exit_code, debug.exit_code) == (2, 2)
    assert "Traceback" not in plain.stderr
    assert "Traceback" in debug.stderr
    assert debug.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--gain", "1e-300", "-n", "auto"], "gain '1e-300' is not between"),
        (["--gain", "nan", "-n", "auto"], "gain 'nan' is not between"),
        (["--tolerance", "nan", "--independent"], "--tolerance nan is not a number between 0 and 1"),
        (["--device", "²"], "has no device '²'"),
        (["--device", "9" * 5000], "has no device"),
        (["-n", "٣"], "'٣' is neither a whole number, 'auto' nor"),
        (["-n", "1000001"], "which no run ends"),
        (["--seed", "-1"], "-1 is not in the range"),
        (["--memory", "9" * 5000], "is not a size"),
        (["--time", "²"], "--time '²' is not an index or a range"),
        (["--time", "0:999999999999"], "has 1 time point"),
        (["--channel", "٣"], "is not an index or a range"),
        (["--psf-centre", "²,³,¹"], "centre '²,³,¹' is not known"),
        (["--channel", ""], "argument '' after '--channel' is empty"),
        (["--channel="], "argument '--channel=' after"),
        (["--report", "r\udcff.html"], "is not UTF-8; rename the file"),
        (["--report", "a\0b.html"], "contains a null character"),
    ],
)
def test_options_beyond_sense_are_refused(files, options, text):
    refused(run(files, *options), text)
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif"}


@pytest.mark.parametrize("shapes", [("²x3", "3x3"), ("67108864x3x3", "3x3x3"), ("9" * 40 + "x3", "3x3")])
def test_shapes_beyond_sense_are_refused(shapes):
    refused(CliRunner().invoke(main, ["plan", "--shape", *shapes, "--backend", "numpy"]), "shape")


def test_the_psf_is_read_within_the_same_boundary(files):
    np.save(files / "psf.npy", PSF)
    content = (files / "psf.npy").read_bytes()
    (files / "psf.npy").write_bytes(content[:-1])
    refused(run(files, psf="psf.npy"), "psf ", "is cut short")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_planes_in_a_file_that_is_none_are_refused_before_it_is_opened(files, kind):
    text = tifffile.OmeXml()
    text.addimage("uint16", IMAGE.shape, (IMAGE.shape[0], 1, 1, *IMAGE.shape[1:], 1), axes="ZYX")
    named = '<UUID FileName="other.ome.tif">urn:uuid:12345678-1234-1234-1234-123456789012</UUID></TiffData>'
    xml = re.sub("<TiffData([^>]*)/>", rf"<TiffData\1>{named}", text.tostring(declaration=True))
    tifffile.imwrite(files / "image.ome.tif", IMAGE, description=xml, metadata=None)
    other = files / "other.ome.tif"
    os.mkfifo(other) if kind == "pipe" else other.mkdir()
    refused(run(files, image="image.ome.tif"), "has planes in 'other.ome.tif' by its OME-XML")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes are POSIX's")
@pytest.mark.parametrize("text", [None, "[" * 100_000, "[]", "null"])
def test_an_array_of_an_output_whose_metadata_are_none_is_not_replaced(files, text):
    group = files / "out.zarr"
    (group / "0").mkdir(parents=True)
    (group / "zarr.json").write_text("{}")
    metadata = group / "0" / "zarr.json"
    os.mkfifo(metadata) if text is None else metadata.write_text(text)
    refused(run(files, "--force", output="out.zarr"), "holds '0', which is no part of an image")
