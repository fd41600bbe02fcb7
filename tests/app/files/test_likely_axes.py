"""Axes that are named otherwise than they must be meant are put right with a warning, or refused."""

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, deconvolved, refused, run
from fixtures.scenes import error
from fixtures.zarr_images import write_image

from rlcore.app.bench.problems import convert_problem
from rlcore.app.files.layout import Pick
from rlcore.app.files.likely_axes import AxesWarning, open_image, open_psf
from rlcore.app.main import main

DEPTH = len(IMAGE)
NAMES = [f"stain {n}" for n in range(DEPTH)]
BY_DEFAULT = {"imagej": {"imagej": True}, "ome": {"ome": True}, "ome, compressed": {"ome": True, "compression": "zlib"}}


def write(path, values, axes=None, **how):
    metadata = how.pop("metadata", {}) | ({"axes": axes} if axes else {})
    tifffile.imwrite(path, values, photometric="minisblack", metadata=metadata, **how)


@pytest.fixture(scope="module")
def truth():
    return deconvolved(IMAGE, PSF, iterations=5, backend="numpy")


def warned(result):
    return [line for line in result.stderr.splitlines() if line.startswith("warning: ")]


@pytest.mark.parametrize("how", BY_DEFAULT.values(), ids=BY_DEFAULT)
def test_channels_of_which_nothing_is_said_are_planes_beside_a_psf_of_several(files, truth, how):
    write(files / "image.tif", IMAGE, **how)
    result = run(files)
    assert result.exit_code == 0, result.output
    [line] = warned(result)
    assert "has 10 channels of which it says nothing, beside a psf of several planes" in line
    assert "give --axes CYX" in line
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.series[0].axes == "ZYX"


def test_as_many_unnamed_channels_in_both_files_are_planes_of_both(files):
    image, psf = IMAGE[:5], PSF[:5]
    write(files / "image.tif", image, imagej=True)
    write(files / "psf.tif", psf, imagej=True)
    result = run(files)
    assert [line.partition("has ")[2].partition(" channels")[0] for line in warned(result)] == ["5", "5"]
    expected = deconvolved(image, psf, iterations=5, backend="numpy")
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


def test_time_points_stay_where_channels_are_planes(files, truth):
    write(files / "image.tif", np.stack([IMAGE, IMAGE])[:, None], "TZCYX", imagej=True)
    assert run(files).exit_code == 0
    assert error(tifffile.imread(files / "out.tif"), np.stack([truth, truth])) <= 1e-5


@pytest.mark.parametrize(
    "entries",
    [
        {"mode": "composite"},
        {"Labels": NAMES},
        {"Ranges": (0.0, 9.0) * DEPTH},
        {"LUTs": [np.zeros((3, 256), np.uint8)] * DEPTH},
    ],
)
def test_channels_of_which_something_is_said_are_believed(files, entries):
    write(files / "image.tif", IMAGE, "CYX", imagej=True, metadata=entries)
    refused(run(files), "has 10 channels of one plane", "has 5 planes along z", "--axes ZYX", "--psf-axes")
    assert not (files / "out.tif").exists()


def test_whoever_picks_a_channel_knows_that_there_are_channels(files):
    write(files / "image.tif", IMAGE, imagej=True)
    refused(run(files, "--channel", "3"), "has one plane and", "has 5 planes along z")


def test_channels_in_an_order_that_no_default_makes_are_believed(files, truth):
    write(files / "image.ome.tif", np.stack([IMAGE] * 5), "CZYX", ome=True)
    result = run(files, image="image.ome.tif")
    assert (result.exit_code, warned(result)) == (0, [])
    assert error(tifffile.imread(files / "out.tif"), np.stack([truth] * 5)) <= 1e-5


@pytest.mark.parametrize(
    ("axes", "how", "words"),
    [
        ("TYX", {"imagej": True}, "10 time points of one plane"),
        ("TYX", {"ome": True}, "10 time points of one plane"),
        ("CYX", {}, "10 channels of one plane"),
        ("CYX", {"ome": True, "metadata": {"Channel": {"Name": NAMES}}}, "10 channels of one plane"),
    ],
)
def test_planes_that_are_named_otherwise_are_refused_beside_a_psf_of_several(files, axes, how, words):
    write(files / "image.tif", IMAGE, axes, **how)
    refused(run(files), words, "if these are planes along z give --axes ZYX", "--psf-axes")
    assert run(files, "--axes", "ZYX").exit_code == 0


def test_planes_of_both_files_that_are_named_otherwise_are_seen_together(files):
    write(files / "image.tif", IMAGE, "TYX", imagej=True)
    write(files / "psf.tif", PSF, imagej=True)
    refused(run(files), "10 time points of one plane", "5 planes along z", "--axes ZYX", "--psf-axes")


def test_no_axis_is_proposed_for_z_where_there_are_two(files):
    write(files / "image.tif", np.stack([IMAGE, IMAGE]), "TCYX")
    result = run(files)
    refused(result, "has 2 time points of 10 channels of one plane", "say what their axes are by --axes and --psf-axes")
    assert "if these are planes" not in result.stderr


@pytest.mark.parametrize("count", [2, 3, 4])
def test_few_channels_may_be_what_they_are_called(files, count):
    write(files / "image.tif", IMAGE[:count], imagej=True)
    refused(run(files), f"has {count} channels of one plane", "--axes ZYX", "--psf-axes")
    psf = PSF[2 - count // 2 :][:count]  # its peak stays in the middle
    write(files / "psf.tif", psf, imagej=True)
    refused(run(files), f"have {count} channels each", "--axes ZYX and --psf-axes ZYX", "--axes CYX and --psf-axes CYX")
    for letter in "CZ":
        axes = f"{letter}YX"
        assert run(files, "--axes", axes, "--psf-axes", axes, "--psf-as-is", "--force").exit_code == 0
        one = IMAGE[:count], psf
        pairs = zip(*one, strict=True) if letter == "C" else [one]
        expected = [deconvolved(*pair, iterations=5, backend="numpy") for pair in pairs]
        assert error(tifffile.imread(files / "out.tif"), np.squeeze(expected)) <= 1e-5


def test_many_channels_beside_z_are_refused_if_a_default_may_have_named_them(files):
    both = np.stack([IMAGE, IMAGE])
    write(files / "image.tif", both, imagej=True)
    refused(run(files), "has 2 planes along z and 10 channels of which it says nothing", "--axes ZCYX")
    assert run(files, "--axes", "CZYX").exit_code == 0
    channels = [f"--psf={n}={files / 'psf.tif'}" for n in range(DEPTH)]
    command = ["plan", str(files / "image.tif"), *channels, "--backend", "numpy"]
    # whoever gives each channel its psf knows what they are
    assert CliRunner().invoke(main, command).exit_code == 0


@pytest.mark.parametrize(
    ("axes", "how", "text"),
    [
        ("TYX", {"imagej": True}, "has 5 time points, which no psf has; they are taken for planes along z"),
        ("TYX", {"ome": True}, "has 5 time points, which no psf has; they are taken for planes along z"),
        ("CYX", {}, "has 5 channels, which it does not name and the image does not have; they are taken for planes"),
        (None, {"imagej": True}, "has 5 channels, which it does not name and the image does not have"),
        (None, {"ome": True}, "has 5 channels, which it does not name and the image does not have"),
    ],
)
def test_the_only_long_axis_of_a_psf_is_z(files, truth, axes, how, text):
    write(files / "psf.tif", PSF, axes, **how)
    result = run(files)
    [line] = warned(result)
    assert text in line
    assert "--psf-axes" in line
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5
    said = run(files, "--psf-axes", "ZYX", "--force")
    assert (said.exit_code, warned(said)) == (0, [])


@pytest.mark.parametrize("axes", ["TZYX", "CZYX", "TCYX"])
def test_a_psf_of_several_long_axes_is_refused(files, axes):
    write(files / "psf.tif", np.stack([PSF, PSF]), axes)
    refused(run(files), "--psf-axes")


def test_a_psf_of_named_channels_is_none_of_planes(files):
    write(files / "psf.tif", PSF, "CYX", ome=True, metadata={"Channel": {"Name": NAMES[:5]}})
    refused(run(files), "has 10 planes along z", "has one", "--axes TYX")


def test_a_few_unnamed_channels_of_a_psf_are_planes_beside_a_stack_of_one_channel_alone(files):
    write(files / "psf.tif", PSF[1:4], imagej=True)
    result = run(files)
    assert "has 3 channels, which it does not name and the image does not have" in result.stderr
    expected = deconvolved(IMAGE, PSF[1:4], iterations=5, backend="numpy")
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5
    write(files / "image.tif", np.stack([IMAGE, IMAGE]), "CZYX")
    refused(run(files, "--force"), "has 10 planes along z", "has one", "--psf-axes")


def test_many_channels_of_a_psf_are_those_of_an_image_that_names_them(files):
    planes, psfs = IMAGE[:6], np.stack([PSF[2]] * 6)
    write(files / "image.tif", planes, "CYX", ome=True, metadata={"Channel": {"Name": NAMES[:6]}})
    write(files / "psf.tif", psfs, imagej=True)
    assert "planes along z" not in (result := run(files)).stderr
    assert result.exit_code == 0, result.output
    expected = [deconvolved(*pair, iterations=5, backend="numpy") for pair in zip(planes, psfs, strict=True)]
    assert error(tifffile.imread(files / "out.tif"), np.stack(expected)) <= 1e-5


def test_channels_of_an_image_are_such_beside_as_many_of_a_psf_whose_file_knows_channels(files):
    planes, psfs = IMAGE[:6], np.stack([PSF[2]] * 6)
    write(files / "image.tif", planes, imagej=True)
    light = {"EmissionWavelength": [450.0 + 20 * n for n in range(6)]}
    write(files / "psf.tif", psfs, "CYX", ome=True, metadata={"Channel": light})
    assert "planes along z" not in (result := run(files)).stderr
    assert result.exit_code == 0, result.output
    expected = [deconvolved(*pair, iterations=5, backend="numpy") for pair in zip(planes, psfs, strict=True)]
    assert error(tifffile.imread(files / "out.tif"), np.stack(expected)) <= 1e-5


def test_channels_of_a_psf_are_those_of_the_image_if_they_are_as_many(files):
    planes, psfs = IMAGE[:3], PSF[1:4]
    write(files / "image.tif", planes, "CYX")
    write(files / "psf.tif", psfs, "CYX")
    assert (result := run(files)).exit_code == 0, result.output
    expected = [deconvolved(*pair, iterations=5, backend="numpy") for pair in zip(planes, psfs, strict=True)]
    assert error(tifffile.imread(files / "out.tif"), np.stack(expected)) <= 1e-5
    assert not warned(result)


@pytest.mark.parametrize("letter", ["t", "c"])
def test_axes_of_a_zarr_are_stated_and_may_be_corrected(files, truth, letter):
    pytest.importorskip("zarr", reason="zarr is not installed")
    write_image(files / "image.zarr", IMAGE, f"{letter}yx", [1.0, 0.1, 0.1])
    refused(run(files, image="image.zarr"), "10 ", " of one plane", "give --axes ZYX", "--psf-axes")
    assert run(files, "--axes", "ZYX", image="image.zarr").exit_code == 0
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5


def test_a_scale_along_an_axis_that_is_meant_otherwise_is_none(files):
    pytest.importorskip("zarr", reason="zarr is not installed")
    write_image(files / "image.zarr", np.stack([IMAGE, IMAGE]), "tzyx", [5.0, 0.3, 0.1, 0.1])
    stated = open_image(files / "image.zarr", []).about.voxel
    assert stated.sizes == {"T": 5.0, "Z": 0.3, "Y": 0.1, "X": 0.1}
    meant = open_image(files / "image.zarr", [], pick=Pick(axes="CTYX")).about.voxel
    assert (meant.sizes, sorted(meant.units)) == ({"Y": 0.1, "X": 0.1}, ["X", "Y"])


def test_problems_of_the_benchmark_take_axes_likewise(files):
    write(files / "image.tif", IMAGE, imagej=True)
    write(files / "psf.tif", PSF, "TYX", imagej=True)
    pair = files / "image.tif", files / "psf.tif"
    with pytest.warns(AxesWarning):
        problem = convert_problem(*pair, files)
    assert (problem.shape, problem.psf_shape) == (IMAGE.shape, PSF.shape)
    assert convert_problem(*pair, files, axes="ZYX", psf_axes="ZYX").digest == problem.digest


@pytest.mark.parametrize("name", ["image.tif", "image.npy"])
def test_a_psf_of_one_plane_restores_no_stack(files, name):
    np.save(files / "image.npy", IMAGE)
    tifffile.imwrite(files / "psf.tif", PSF[2])
    refused(run(files, image=name), "has 10 planes along z", "has one", "--axes TYX", "--psf-axes")
    assert run(files, "--axes", "TYX", image=name).exit_code == 0
    expected = [deconvolved(plane, PSF[2], iterations=5, backend="numpy") for plane in IMAGE]
    assert error(tifffile.imread(files / "out.tif"), np.stack(expected)) <= 1e-5


def test_a_psf_of_several_planes_restores_no_plane(files):
    tifffile.imwrite(files / "image.tif", IMAGE[4])
    refused(run(files), "has one plane", "has 5 planes along z; give a psf of one plane")


def test_colours_are_no_planes(files):
    tifffile.imwrite(files / "image.tif", np.stack([IMAGE[4].astype(np.uint8)] * 3, -1), photometric="rgb")
    result = run(files)
    refused(result, "has 3 channels of one plane", "--psf-axes")
    assert "--axes YXZ" not in result.stderr


@pytest.mark.parametrize("option", ["--axes", "--psf-axes"])
@pytest.mark.parametrize("axes", ["ZY", "ZZYX", "YYX", "AYX", "TCZYX"])
def test_given_axes_are_checked(files, option, axes):
    refused(run(files, option, axes), f"{option} {axes!r} is not one of T, C, Z, Y, X for each axis of ")


def test_given_axes_win_over_all_that_is_likely(files):
    write(files / "image.tif", IMAGE, imagej=True)
    refused(run(files, "--axes", "CYX"), "has 10 channels of one plane and", "has 5 planes along z")
    write(files / "psf.tif", np.stack([PSF[2]] * DEPTH), imagej=True)
    refused(run(files, "--psf-axes", "TYX"), "has 10 time points", "--psf-axes")
    result = run(files, "--axes", "CYX", "--psf-axes", "CYX")
    assert (result.exit_code, warned(result)) == (0, [])


def test_what_was_decided_is_noted(files):
    write(files / "image.tif", IMAGE, imagej=True)
    with pytest.warns(AxesWarning):
        image = open_image(files / "image.tif", [files / "psf.tif"])
    assert [note for note in image.notes if "are taken for planes along z" in note] == list(image.notes) != []
    [odd] = open_image(files / "image.tif", []).notes
    assert "would be planes along z beside a psf of several planes" in odd
    assert open_image(files / "image.tif", [], pick=Pick(axes="ZYX")).notes == ()
    assert open_psf(files / "psf.tif").notes == ()


def test_warnings_of_a_psf_that_decides_on_the_image_are_given_once(files):
    write(files / "image.tif", IMAGE, imagej=True)
    tifffile.imwrite(files / "psf.tif", PSF, photometric="miniswhite", metadata={"axes": "ZYX"})
    result = run(files)
    assert result.stderr.count("shows its smallest values as white") == 1
    assert result.exit_code == 0, result.output


def test_a_psf_that_cannot_be_read_leaves_the_image_as_it_is(files):
    write(files / "image.tif", IMAGE, imagej=True)
    (files / "psf.tif").write_bytes(b"II*\0")
    refused(run(files), "psf", "cannot be read")


@pytest.mark.parametrize("axes", [None, "TYX"])
@pytest.mark.parametrize("command", [["psf", "inspect"], ["psf", "mend"]])
def test_commands_on_psfs_take_their_axes_likewise(files, command, axes):
    write(files / "psf.tif", PSF, axes, imagej=True)
    tail = ["-o", str(files / "mended.tif"), "--force"] if command[1] == "mend" else []
    result = CliRunner().invoke(main, [*command, str(files / "psf.tif"), *tail])
    assert (result.exit_code, "are taken for planes along z" in result.stderr) == (0, True), result.output
    assert "5 x 6 x 6" in result.stdout
    said = CliRunner().invoke(main, [*command, str(files / "psf.tif"), *tail, "--axes", "ZYX"])
    assert said.stdout.splitlines()[1:] == result.stdout.splitlines()[1:]
    assert "are taken for planes along z" not in said.stderr
    write(files / "psf.tif", PSF[1:4], imagej=True)
    refused(CliRunner().invoke(main, [*command, str(files / "psf.tif"), *tail]), "has 3 channels", "by --axes")


def test_a_stack_of_beads_takes_its_axes_likewise(tmp_path):
    z, y, x = np.ogrid[-15:16, -20:21, -20:21]
    beads = (1000 * np.exp(-(z**2 / 18 + (y**2 + x**2) / 8)) + 100).astype(np.uint16)
    write(tmp_path / "beads.tif", beads, imagej=True)
    command = ["psf", "distil", str(tmp_path / "beads.tif"), "--shape", "9x9x9", "-o"]
    result = CliRunner().invoke(main, [*command, str(tmp_path / "a.tif")])
    assert (result.exit_code, "are taken for planes along z" in result.stderr) == (0, True), result.output
    assert CliRunner().invoke(main, [*command, str(tmp_path / "b.tif"), "--axes", "ZYX"]).exit_code == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), tifffile.imread(tmp_path / "b.tif"))
    write(tmp_path / "beads.tif", beads, "TYX", imagej=True)
    refused(CliRunner().invoke(main, [*command, str(tmp_path / "c.tif")]), "has 31 time points", "by --axes")
    # channels beside z are channels, however many they are
    write(tmp_path / "beads.tif", np.stack([beads] * 6, 1), "ZCYX", imagej=True)
    refused(CliRunner().invoke(main, [*command, str(tmp_path / "c.tif")]), "has 6 channels", "by --axes")


def test_plans_and_choices_take_axes_likewise(files):
    write(files / "image.tif", IMAGE, imagej=True)
    write(files / "psf.tif", PSF, "TYX", imagej=True)
    pair = [str(files / "image.tif"), str(files / "psf.tif")]
    for command in (["plan", *pair], ["backends", "--why", *pair]):
        result = CliRunner().invoke(main, [*command, "--backend", "numpy"])
        assert (result.exit_code, len(warned(result))) == (0, 2), result.output
        assert "volumes" not in result.stdout
        said = [*command, "--backend", "numpy", "--axes", "ZYX", "--psf-axes", "ZYX"]
        assert warned(CliRunner().invoke(main, said)) == []


def test_the_report_shows_the_stack_and_repeats_no_warning(files):
    write(files / "image.tif", IMAGE, imagej=True)
    result = run(files, "--report", files / "report.html")
    assert (result.exit_code, len(warned(result))) == (0, 1), result.output
    assert (files / "report.html").exists()


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["backends", "--psf-voxel", "1,1,1"], "--psf-voxel has an effect only with --why IMAGE PSF"),
        (["backends", "--axes", "ZYX"], "--axes has an effect only with --why IMAGE PSF"),
        (["backends", "--backend", "numpy"], "--backend has an effect only with --why IMAGE PSF"),
        (["plan", "--shape", "9x9x9", "3x3x3", "--voxel", "1,1,1"], "--voxel has an effect only with files"),
        (["plan", "--shape", "9x9x9", "3x3x3", "--psf-axes", "ZYX"], "--psf-axes has an effect only with files"),
        (["plan", "--shape", "9x9x9", "3x3x3", "--psf", "p.tif"], "--psf has an effect only with files"),
        (["plan", "--shape", "9x9x9", "3x3x3", "--channel", "1"], "--channel has an effect only with files"),
        (["psf", "generate", "-o", "p.tif", "--axes", "ZYX"], "--axes 'ZYX' is for an image"),
    ],
)
def test_options_without_effect_are_refused(command, text):
    refused(CliRunner().invoke(main, command), text)
