"""Axes that a file does not name: z where they can be nothing else, else one sentence."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, deconvolved, refused, run
from fixtures.scenes import error

from rlcore.app.files.axis_letters import name_axes
from rlcore.errors import InputError


@pytest.mark.parametrize(
    ("axes", "shape", "letters"),
    [
        ("??", (32, 33), "YX"),
        ("???", (9, 32, 33), "ZYX"),
        ("???", (1, 32, 33), "?YX"),
        ("????", (1, 9, 32, 33), "?ZYX"),
        ("?????", (1, 1, 9, 32, 33), "??ZYX"),
        ("????", (9, 1, 32, 33), "Z?YX"),
        ("????", (9, 32, 33, 1), "ZYX?"),
        ("???", (32, 33, 1), "YX?"),
        ("???", (9, 1, 1), "ZYX"),
        ("IYX", (9, 32, 33), "ZYX"),
        ("QYX", (9, 32, 33), "ZYX"),
        ("QQYX", (1, 9, 32, 33), "QZYX"),
        ("IZYX", (9, 1, 32, 33), "Z?YX"),
        ("TZYX", (9, 8, 32, 33), "TZYX"),
    ],
)
def test_one_axis_without_a_name_is_z(axes, shape, letters):
    assert name_axes("image", axes, shape, "--axes").letters == letters


@pytest.mark.parametrize(
    ("axes", "shape", "text"),
    [
        ("QQYX", (3, 9, 32, 33), "say what they are by --axes, such as --axes TZYX or CZYX"),
        ("????", (3, 9, 32, 33), "say what they are by --axes, such as --axes TZYX or CZYX"),
        ("?????", (1, 3, 9, 32, 33), "say what they are by --axes, such as --axes TZYX or CZYX"),
        ("?????", (2, 3, 9, 32, 33), "say what they are by --axes, such as --axes TCZYX"),
        ("??????", (2, 2, 3, 9, 32, 33), "save the part that you want as a file"),
        ("IZYX", (3, 9, 32, 33), "does not name all of its axes"),
        ("???", (32, 32, 9), "of which z or channels seem to be the last; save it in the order z, y, x"),
        ("QYX", (40, 33, 3), "give --axes YXC for channels, or --axes ZYX if x is so short"),
        ("????", (1, 32, 32, 9), "seem to be the last"),
    ],
)
def test_several_and_doubtful_ones_are_refused(axes, shape, text):
    with pytest.raises(InputError) as refusal:
        name_axes("image 'a'", axes, shape, "--axes")
    assert text in str(refusal.value)
    assert f"image 'a' has shape {shape}" in str(refusal.value)


@pytest.mark.parametrize("ahead", [1, 2])
@pytest.mark.parametrize("suffix", ["npy", "tif"])
def test_leading_axes_of_one_entry_are_left_out(files, ahead, suffix):
    paths = {"image": files / f"i.{suffix}", "psf": files / f"p.{suffix}"}
    for path, values in zip(paths.values(), (IMAGE, PSF), strict=True):
        longer = values.reshape((1,) * ahead + values.shape)
        np.save(path, longer) if suffix == "npy" else tifffile.imwrite(path, longer)
    result = run(files, image=paths["image"].name, psf=paths["psf"].name)
    assert result.exit_code == 0, result.output
    truth = deconvolved(IMAGE, PSF, iterations=5, backend="numpy")
    assert error(np.squeeze(tifffile.imread(files / "out.tif")), truth) <= 1e-5
    # the user's letters may leave them out as well
    assert run(files, "--axes", "ZYX", "--psf-axes", "ZYX", "--force", image=paths["image"].name).exit_code == 0


def test_axes_of_planes_in_a_row_may_be_said(files):
    np.save(files / "image.npy", np.stack([IMAGE, IMAGE // 2]))
    refused(run(files, image="image.npy"), "has shape (2, 10, 24, 26)", "--axes TZYX or CZYX")
    assert run(files, "--axes", "TZYX", image="image.npy").exit_code == 0
    assert tifffile.imread(files / "out.tif").shape == (2, *IMAGE.shape)


def test_a_stack_whose_z_lies_last_is_refused(files):
    np.save(files / "image.npy", np.moveaxis(IMAGE, 0, -1))
    refused(run(files, image="image.npy"), "z or channels seem to be the last")
    refused(run(files, "--axes", "YXZ", image="image.npy"), "volumes must lie as z, y, x; save it in that order")
