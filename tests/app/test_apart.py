"""What a run writes is apart from what it reads, however the paths are written; else nothing is touched."""

import os

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, run

from rlcore.app.files.writing.apart import check_apart
from rlcore.errors import InputError


def snapshot(folder):
    """Every entry below a folder, with its content."""
    return {
        str(path.relative_to(folder)): path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def refused(folder, *options, said, **names):
    before = snapshot(folder)
    result = run(folder, *options, **names)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.splitlines()
    assert said in line
    assert snapshot(folder) == before


@pytest.fixture
def zarrs(files):
    """A Zarr group of two images, with a PSF."""
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    import zarr

    zarr.open_group(files / "col.zarr", mode="w", zarr_format=3)
    for name in ("0.zarr", "1.zarr"):
        assert run(files, output=f"col.zarr/{name}").exit_code == 0
    return files


@pytest.mark.parametrize("image", ["col.zarr/0.zarr", "col.zarr/../col.zarr/1.zarr", "link.zarr", "by_folder/0.zarr"])
def test_an_output_that_contains_an_input_is_refused(zarrs, image):
    (zarrs / "link.zarr").symlink_to("col.zarr/1.zarr")
    (zarrs / "by_folder").symlink_to(zarrs / "col.zarr")
    refused(zarrs, "--force", image=image, output="col.zarr", said="contains image")


def test_an_output_in_an_input_is_refused(zarrs):
    refused(zarrs, image="col.zarr/0.zarr", output="col.zarr/0.zarr/0/out.tif", said="lies in image")
    (zarrs / "sub").symlink_to("col.zarr/0.zarr")
    refused(zarrs, image="col.zarr/0.zarr", output="sub/out.zarr", said="lies in image")


def test_a_group_whose_arrays_are_elsewhere_keeps_them(zarrs):
    """The group is a folder of links: replacing what they point to would delete the image."""
    (zarrs / "far.zarr").symlink_to("col.zarr/0.zarr")
    image = zarrs / "image.zarr"
    image.mkdir()
    (image / "zarr.json").write_bytes((zarrs / "far.zarr" / "zarr.json").read_bytes())
    (image / "0").symlink_to(zarrs / "far.zarr" / "0")
    refused(zarrs, "--force", image="image.zarr", output="far.zarr", said="contains image")


@pytest.mark.parametrize("stranger", ["1.zarr", "labels", "notes.txt", "0/notes.txt"])
def test_a_group_that_holds_more_than_an_image_is_not_replaced(zarrs, stranger):
    group = zarrs / "out.zarr"
    assert run(zarrs, output="out.zarr").exit_code == 0
    if stranger.endswith(".txt"):
        (group / stranger).write_text("mine")
    else:
        (group / stranger).mkdir()
    refused(zarrs, "--force", output="out.zarr", said=f"holds {stranger!r}, which is no part of an image")


def test_an_image_in_a_group_is_replaced_by_force_whole(zarrs):
    assert run(zarrs, output="out.zarr").exit_code == 0
    (zarrs / "out.zarr" / "0" / "c" / "stale").write_text("of the old one")
    assert run(zarrs, "--force", output="out.zarr").exit_code == 0
    assert not (zarrs / "out.zarr" / "0" / "c" / "stale").exists()
    assert not list(zarrs.glob(".rlcore*"))


@pytest.mark.parametrize("role", ["image.tif", "psf.tif", "./image.tif", "links/image.tif", "sub/../psf.tif"])
def test_an_output_that_is_an_input_is_refused(files, role):
    (files / "sub").mkdir()
    (files / "links").symlink_to(".")
    refused(files, "--force", output=role, said="is one of the inputs; name another file")


def test_a_hard_link_to_an_input_is_the_input(files):
    os.link(files / "image.tif", files / "out.tif")
    refused(files, "--force", said="is one of the inputs; name another file")


def test_psfs_given_by_option_are_inputs_too(files):
    from click.testing import CliRunner

    from rlcore.app.main import main

    line = ["deconvolve", str(files / "image.tif"), "-o", str(files / "psf.tif"), "--force"]
    for option in (str(files / "psf.tif"), f"0={files / 'psf.tif'}"):
        result = CliRunner().invoke(main, [*line, "--psf", option])
        assert result.exit_code == 2
        assert "is one of the inputs" in result.stderr


@pytest.mark.parametrize(
    ("options", "output", "said"),
    [
        (["--checkpoint", "state"], "state/out.tif", "lies in checkpoint"),
        (["--checkpoint", "new"], "new/../state/out.npy", None),
        (["--checkpoint", "out.tif"], "out.tif", "is the checkpoint too"),
        (["--checkpoint", "."], "out.tif", "lies in checkpoint"),
        (["--checkpoint", "link"], "state/out.tif", "lies in checkpoint"),
        (["--checkpoint", "out.zarr/state"], "out.zarr", "contains checkpoint"),
        (["--checkpoint", "OUT.ZARR/state"], "out.zarr", "contains checkpoint"),
        (["--report", "out.zarr/report.html"], "out.zarr", "contains report"),
        (["--checkpoint", "state", "--report", "state/report.html"], "out.tif", "contains report"),
        (["--checkpoint", "image.tif"], "out.tif", "is one of the inputs"),
    ],
)
def test_outputs_checkpoints_and_reports_are_apart(files, monkeypatch, options, output, said):
    monkeypatch.chdir(files)
    (files / "state").mkdir()
    (files / "link").symlink_to("state")
    (files / "new").mkdir()
    if "out.zarr/report.html" in options:
        (files / "out.zarr").mkdir()
        (files / "out.zarr" / "zarr.json").write_text("{}")
        options = [*options, "--force"]
    if said is None:
        assert run(files, *options, output=output).exit_code == 0
    else:
        refused(files, *options, output=output, said=said)


def test_a_report_that_is_an_input_is_refused(files):
    (files / "image.png").symlink_to("image.tif")
    refused(files, "--force", "--report", files / "image.png", said="is one of the inputs")


def test_a_file_with_planes_of_the_image_is_an_input(files):
    """An OME-TIFF may be several files, of which the user names one."""
    uuid = "urn:uuid:00000000-0000-0000-0000-00000000000"
    z, y, x = IMAGE.shape
    data = "".join(
        f'<TiffData FirstC="{c}" PlaneCount="{z}" IFD="0"><UUID FileName="c{c}.ome.tif">{uuid}{c}</UUID></TiffData>'
        for c in (0, 1)
    )
    for c in (0, 1):
        xml = (
            f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}{c}"><Image ID="Image:0">'
            f'<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{x}" SizeY="{y}" SizeZ="{z}" SizeC="2"'
            f' SizeT="1"><Channel ID="Channel:0:0"/><Channel ID="Channel:0:1"/>{data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(files / f"c{c}.ome.tif", IMAGE + c, description=xml, metadata=None)
    refused(files, "--force", image="c0.ome.tif", output="c1.ome.tif", said="is one of the inputs")
    assert run(files, image="c0.ome.tif").exit_code == 0
    assert tifffile.imread(files / "out.tif").shape == (2, *IMAGE.shape)


def test_the_companion_of_the_image_is_an_input(files):
    """An OME-TIFF may leave its metadata to another file, which a TIFF may be too."""
    z, y, x = IMAGE.shape
    head = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    binary = f'{head}<BinaryOnly MetadataFile="set.ome.tif" UUID="urn:uuid:1"/></OME>'
    companion = (
        f'{head}<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{x}" SizeY="{y}" '
        f'SizeZ="{z}" SizeC="1" SizeT="1"><Channel ID="Channel:0:0"/><TiffData IFD="0" PlaneCount="{z}">'
        '<UUID FileName="image.ome.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(files / "image.ome.tif", IMAGE, description=binary, metadata=None)
    tifffile.imwrite(files / "set.ome.tif", IMAGE[0], description=companion, metadata=None)
    refused(files, "--force", image="image.ome.tif", output="set.ome.tif", said="is one of the inputs")
    assert run(files, image="image.ome.tif").exit_code == 0


def test_commands_for_psfs_do_not_write_over_what_they_read(files):
    from click.testing import CliRunner

    from rlcore.app.main import main

    (files / "psf.png").symlink_to("psf.tif")
    result = CliRunner().invoke(
        main, ["psf", "inspect", str(files / "psf.tif"), "--picture", str(files / "psf.png"), "--force"]
    )
    assert result.exit_code == 2
    assert np.array_equal(tifffile.imread(files / "psf.tif"), PSF)


def test_names_that_do_not_exist_yet_are_compared_without_case(tmp_path):
    with pytest.raises(InputError, match="is the checkpoint too"):
        check_apart([("output", tmp_path / "A.zarr"), ("checkpoint", tmp_path / "x" / ".." / "a.zarr")], [])
    check_apart([("output", tmp_path / "a.zarr"), ("checkpoint", tmp_path / "ab")], [("image", tmp_path / "b")])
