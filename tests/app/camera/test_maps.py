"""Files of cameras: dark frames, gain maps, data weights, maps of hot pixels."""

import json

import numpy as np
import pytest
import tifffile
from fixtures.cameras import PSF, camera_of, quietly, recorded
from fixtures.commands import refused, run
from fixtures.scenes import error
from fixtures.zarr_images import write_image

IMAGE = recorded()
PLANE = IMAGE.shape[1:]
RNG = np.random.default_rng(3)
DARK = (100 + RNG.normal(0, 3, PLANE)).astype(np.float32)
GAINS = RNG.uniform(0.4, 0.6, PLANE).astype(np.float32)
WEIGHTS = RNG.uniform(0, 1, IMAGE.shape).astype(np.float32)
HOT = (RNG.random(PLANE) < 0.05).astype(np.uint8)
AS_IT_IS = {"offset": 0, "background": 0, "hot_pixels": "keep"}


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    np.save(tmp_path / "psf.npy", PSF)
    return tmp_path


def restore(folder, *options, output="out.npy"):
    level = () if "--background" in options else ("--background", "0")
    return run(folder, *level, *options, image="image.npy", psf="psf.npy", output=output, camera=())


def made(folder, *options):
    result = restore(folder, *options)
    assert result.exit_code == 0, result.output
    return np.load(folder / "out.npy")


def written(folder, name, values):
    """A map in a file of some format."""
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".zarr":
        pytest.importorskip("zarr", reason="OME-Zarr needs the extra zarr")
        write_image(path, values, "zyx"[-values.ndim :], (0.3, 0.1, 0.1)[-values.ndim :], chunks=values.shape)
    else:
        tifffile.imwrite(path, values, compression="zlib" if "small" in name else None)
    return path


@pytest.mark.parametrize("name", ["dark.npy", "dark.tif", "small.tif", "dark.zarr"])
def test_a_dark_frame_is_taken_off(files, name):
    path = written(files, name, DARK)
    expected = quietly(IMAGE, PSF, iterations=5, background=0, offset=DARK, hot_pixels="keep")
    result = restore(files, "--offset", f"0={path}", "--json")
    assert result.exit_code == 0, result.output
    assert error(np.load(files / "out.npy"), expected) <= 1e-6
    said = json.loads(result.stdout)["provenance"]
    assert (said["offset"], said["gain"], said["background"], said["hot_pixels"]) == (f"0={name}", "auto", "0", "find")


@pytest.mark.parametrize("name", ["dark.npy", "dark.tif"])
def test_a_dark_stack_is_taken_off(files, name):
    stack = np.stack([DARK + k for k in range(len(IMAGE))])
    path = written(files, name, stack)
    expected = quietly(IMAGE, PSF, iterations=5, background=0, offset=stack, hot_pixels="keep")
    assert error(made(files, "--offset", path), expected) <= 1e-6


def test_a_gain_map_is_divided_out(files):
    path = written(files, "gain.tif", GAINS)
    expected = quietly(IMAGE, PSF, iterations=5, background=0, offset=100, gain=GAINS, hot_pixels="keep")
    options = ("--offset", "100", "--gain", path, "--hot-pixels", "keep")
    assert error(made(files, *options), expected) <= 1e-5
    photons = made(files, *options, "--photons", "--force")
    assert error(photons, expected / GAINS.mean(dtype=np.float64)) <= 1e-5


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS[0]])
def test_weights_count(files, weights):
    path = written(files, "weights.tif", weights)
    expected = quietly(IMAGE, PSF, iterations=5, weights=weights, **AS_IT_IS)
    assert error(made(files, "--offset", "0", "--weights", path), expected) <= 1e-5


def test_hot_pixels_of_a_file_count_as_no_data(files):
    path = written(files, "hot.npy", HOT)
    expected = quietly(IMAGE, PSF, iterations=5, background=0, offset=0, hot_pixels=HOT)
    assert error(made(files, "--offset", "0", "--hot-pixels", path), expected) <= 1e-5


def test_voxels_that_are_no_numbers_are_left_out(files):
    image = IMAGE.astype(np.float32)
    image[4, 10:12, 20] = np.nan
    np.save(files / "image.npy", image)
    refused(restore(files, "--offset", "0"), "2 voxels that are NaN or infinite")
    expected = quietly(image, PSF, iterations=5, weights="finite", **AS_IT_IS)
    assert error(made(files, "--offset", "0", "--weights", "finite"), expected) <= 1e-5


def test_maps_of_all_kinds_go_together(files):
    image = IMAGE.astype(np.float32)
    image[2, 3, 4] = np.inf
    np.save(files / "image.npy", image)
    paths = [written(files, f"{n}.npy", each) for n, each in enumerate((DARK, GAINS, HOT))]
    options = ("--offset", paths[0], "--gain", paths[1], "--hot-pixels", paths[2], "--weights", "finite", "-n", "3")
    expected = quietly(
        image, PSF, iterations=3, background=0, offset=DARK, gain=GAINS, hot_pixels=HOT, weights="finite"
    )  # fmt: skip
    assert error(made(files, *options), expected) <= 1e-5


def test_saturated_voxels_count_as_no_data(files):
    image = np.minimum(IMAGE, 130)
    np.save(files / "image.npy", image)
    result = restore(files, "--json", "--offset", "100", "--gain", "0.46")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["cameras"][0]["saturated"] == 130
    assert said["plan"]["weighted"]
    assert "voxels of 130 or more are saturated and count as no data" in result.stderr
    expected = quietly(
        image, PSF, iterations=5, background=0, offset=100, gain=0.46, weights=(image < 130).astype(np.uint8),
        hot_pixels="keep",
    )  # fmt: skip
    assert error(np.load(files / "out.npy"), expected) <= 1e-5


def test_planes_that_no_file_holds_count_neither_for_the_camera_nor_for_the_result(files):
    with tifffile.TiffWriter(files / "image.tif") as writer:
        for z in range(7):
            text = "ImageJ=1.11a\nimages=10\nslices=10\nhyperstack=true\n" if z == 0 else None
            writer.write(IMAGE[z], description=text, metadata=None, contiguous=False, photometric="minisblack")
    result = run(
        files,
        "--fill-missing",
        "--background",
        "0",
        "--json",
        image="image.tif",
        psf="psf.npy",
        output="out.npy",
        camera=(),
    )
    assert result.exit_code == 0, result.output
    [said] = json.loads(result.stdout)["cameras"]
    _, info = quietly(IMAGE[:7], PSF, iterations=5, return_info=True)
    assert said["taken_off"] == info.offset
    there = (np.arange(10) < 7)[:, None, None] * np.ones(IMAGE.shape, np.uint8)
    lacking = IMAGE * (there > 0)
    expected = quietly(
        lacking, PSF, iterations=5, background=0, offset=camera_of(said), weights=there, hot_pixels="keep"
    )
    assert error(np.load(files / "out.npy"), expected) <= 1e-5


def test_the_first_volume_that_can_be_read_is_looked_at(files):
    stack = np.stack([IMAGE, recorded(seed=1), recorded(seed=2)]).astype(np.float32)
    stack[0, 0, 0, 0] = np.nan
    np.save(files / "image.npy", stack)
    options = ("--axes", "TZYX", "-n", "auto", "--json")
    refused(restore(files, *options), "volume at time 0, channel 0: ", "1 voxels that are NaN or infinite")
    result = restore(files, *options, "--keep-going")
    assert result.exit_code == 3, result.output
    [said] = json.loads(result.stdout)["cameras"]
    _, info = quietly(stack[1], PSF, background=0, return_info=True)
    assert (said["taken_off"], said["iterations"]) == (info.offset, info.iterations)


def test_a_plan_counts_weights_without_a_look(files):
    from click.testing import CliRunner

    from rlcore.app.main import main

    path = written(files, "hot.npy", HOT)
    command = ["plan", files / "image.npy", files / "psf.npy", "--backend", "numpy", "-n", "5", "--json"]
    plans = [CliRunner().invoke(main, [*map(str, command), *more]) for more in ((), ("--hot-pixels", str(path)))]
    assert [json.loads(plan.stdout)["weighted"] for plan in plans] == [False, True]


@pytest.mark.parametrize(
    ("option", "values", "text"),
    [
        (
            "--offset",
            DARK[:-1],
            "dark frame",
        ),
        ("--offset", np.full(PLANE, np.nan, np.float32), "offset has values that are NaN or infinite"),
        ("--gain", -GAINS, "gain has values that are not positive"),
        ("--gain", GAINS[:, :-1], "gain map"),
        ("--weights", np.zeros(PLANE, np.uint8), "weights are 0 throughout"),
        (
            "--weights",
            WEIGHTS[:-1],
            "it must have that of the image's planes, (40, 42), or of its volumes, (10, 40, 42)",
        ),
        ("--hot-pixels", HOT.astype(np.float32), "give 1 where a pixel is hot, 0 elsewhere"),
    ],
)
def test_a_map_that_does_not_fit_is_refused_by_its_name(files, option, values, text):
    path = written(files, "map.npy", values)
    refused(
        restore(files, "--offset", "0", option, path) if option != "--offset" else restore(files, option, path), text
    )
    assert not (files / "out.npy").exists()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--offset", "nothing.tif"), "dark frame 'nothing.tif'"),
        (("--offset", "nan"), "offset nan is not a finite number"),
        (("--offset", "1,2"), "offset '1,2' is no number"),
        (("--offset", "1", "--offset", "2"), "--offset '2' is the second for all channels; give one"),
        (("--offset", "3=1"), "--offset '3=1' is not CHANNEL=VALUE with a channel from 0 to 0"),
        (("--gain", "0.46,100", "--offset", "3"), "gain '0.46,100' gives an offset too"),
        (("--gain", "0"), "gain '0' is not between"),
        (("--gain", "1,2,3"), "gain '1,2,3' is no number and no pair of gain and offset"),
        (("--background", "much"), "background 'much' is neither a number nor 'auto'"),
        (("--background", "-1"), "background -1.0 is not a number of at least 0"),
        (("--photons", "--offset", "0"), "--photons needs the gain, which the image does not tell"),
    ],
)
def test_what_makes_no_sense_is_refused(files, options, text):
    if "--photons" in options:
        np.save(files / "image.npy", np.ones((10, 40, 42), np.float32))
    refused(restore(files, *options), text)
    assert not (files / "out.npy").exists()


@pytest.mark.parametrize("option", ["--offset", "--gain", "--weights", "--hot-pixels"])
def test_the_output_is_apart_from_the_files_of_a_camera(files, option):
    path = written(files, "map.npy", np.ones(PLANE, np.uint8))
    refused(restore(files, option, path, "--force", output="map.npy"), "is one of the inputs; name another file")
    assert np.load(path).all()
