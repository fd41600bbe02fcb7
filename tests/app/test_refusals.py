"""What `rlcore deconvolve` refuses: one line on stderr, exit code 2, and nothing written or lost."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, SCENE, deconvolved, run
from fixtures.scenes import error, gaussian


@pytest.fixture(scope="module")
def truth():
    return deconvolved(IMAGE, PSF, iterations=5, backend="numpy")


def refused(result, text, code=2):
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert text in line


def written(folder, image, **description):
    tifffile.imwrite(folder / "image.tif", image, **description)


def test_an_output_that_exists_is_left_alone_without_force(files, truth):
    (files / "out.tif").write_text("precious")
    refused(run(files), "exists; give --force to replace it")
    assert (files / "out.tif").read_text() == "precious"
    assert run(files, "--force").exit_code == 0
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5


def test_an_input_is_never_the_output(files):
    refused(run(files, "--force", output="image.tif"), "is one of the inputs; name another file")
    assert tifffile.imread(files / "image.tif").shape == IMAGE.shape


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("no/such/out.tif", "does not exist; make it first"),
        ("out.png", "has no ending that is known; choose one of .tif, .tiff, .npy"),
        ("folder.tif", "is a folder; name a file"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(files, output, text):
    (files / "folder.tif").mkdir()
    refused(run(files, output=output), text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "cannot be read: "),
        (b"not a tiff at all, only words", "cannot be read: "),
        (None, "does not exist"),
    ],
    ids=["empty", "text", "absent"],
)
@pytest.mark.parametrize("what", ["image", "psf"])
def test_a_file_that_cannot_be_read_is_refused(files, what, content, text):
    path = files / f"{what}.tif"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    refused(run(files), text)
    refused(run(files), repr(str(path)))
    assert not (files / "out.tif").exists()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_that_is_cut_short_is_refused_and_not_taken_for_a_smaller_one(files, compression, share):
    tifffile.imwrite(files / "psf.tif", gaussian((6, 6)))  # goes with a plane, if only one is found
    written(files, IMAGE, compression=compression)
    content = (files / "image.tif").read_bytes()
    (files / "image.tif").write_bytes(content[: int(len(content) * share)])
    result = run(files)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"error: image {str(files / 'image.tif')!r} ")
    assert not (files / "out.tif").exists()


def test_of_several_channels_or_times_one_can_be_picked(files, truth):
    stack = np.stack([IMAGE, IMAGE // 2 + 3], axis=1)
    written(files, stack, imagej=True, metadata={"axes": "ZCYX"})
    refused(run(files, "--channel", 2), "has 2 channels, counted from 0, and none is 2; give another --channel")
    assert run(files, "--channel", 0).exit_code == 0
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5
    written(files, np.stack([IMAGE // 2, IMAGE]), imagej=True, metadata={"axes": "TZYX"})
    assert run(files, "--time", 1, "--force").exit_code == 0
    assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-n", "0"], "iterations 0 is neither a whole number of at least 1 nor 'auto'"),
        (["--backend", "nupmy"], "backend 'nupmy' is unknown (did you mean 'numpy'?)"),
        (["--device", "gpu"], "backend 'numpy' has no device 'gpu'; it runs on the CPU"),
        (["--memory", "lots"], "memory 'lots' is not a size"),
        (["--memory", "1 KiB"], "is too little for this volume; the smallest that would do is "),
        (["--background", "1e9"], "background 1e+09 is not below the image's mean"),
        (["--background", "-1"], "background -1.0 is not a number of at least 0"),
        (["--tolerance", "0.1"], "--tolerance is for independent blocks; give --independent with it"),
        (["--psf-centre", "left"], "centre 'left' is not known"),
        (["--psf-background", "all"], "background 'all' of the psf is not known"),
        (["--psf-energy", "2"], "energy 2.0 is not in (0, 1]"),
        (["--boundary", "mirror"], "'mirror' is not one of"),
        (["--nonsense"], "no such option"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(files, options, text):
    refused(run(files, *options), text)
    assert not (files / "out.tif").exists()
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif"}


def test_an_image_with_voxels_that_are_no_numbers_is_refused_and_the_old_output_stays(files):
    image = SCENE.image.copy()
    image[1, 2, 3] = np.nan
    written(files, image)
    (files / "out.tif").write_text("precious")
    refused(run(files, "--force"), "image has 1 voxels that are NaN or infinite, the first at (1, 2, 3)")
    assert (files / "out.tif").read_text() == "precious"
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", "out.tif"}
