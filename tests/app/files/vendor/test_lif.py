"""Files of Leica, as its program lays them out."""

import re

import numpy as np
import pytest
from fixtures.lif_files import write_lif

from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import open_file
from rlcore.app.psf.metadata import read_metadata

pytest.importorskip("bioio_lif", reason="bioio-lif is not installed")

VALUES = np.random.default_rng(2).integers(0, 4000, (2, 5, 3, 20, 22)).astype("u2")


def volumes(image):
    return np.stack([np.array(image.volume(place)) for place in image.layout.places])


@pytest.mark.parametrize(
    ("values", "axes"),
    [(VALUES, "TCZYX"), (VALUES[:1], "TCZYX"), (VALUES[:, :, :1], "TCZYX"), (VALUES[:1, :, :1], "TCZYX")],
)
def test_every_volume_is_that_which_was_written(tmp_path, values, axes):
    write_lif(tmp_path / "cells.lif", {"first": values}, voxel=(0.3, 0.1, 0.12), names=("Green", "Red", "Blue"))
    image = open_file(tmp_path / "cells.lif", "image")
    assert image.layout.axes == axes
    expected = values.transpose(0, 2, 1, 3, 4)
    np.testing.assert_array_equal(volumes(image), expected.reshape(-1, *expected.shape[2:]))
    assert image.channel_names == ("Green", "Red", "Blue")[: values.shape[2]]
    assert image.about.voxel.micrometres("ZYX") == pytest.approx((0.3, 0.1, 0.12))


@pytest.mark.parametrize("pick", [1, "second"])
def test_an_image_is_picked_with_its_own_objective(tmp_path, pick):
    write_lif(tmp_path / "cells.lif", {"first": VALUES, "second": VALUES[:, :, :1] + 1})
    raw = (tmp_path / "cells.lif").read_bytes()
    old, new = ('NumericalAperture="1.2"'.encode("utf-16-le"), 'NumericalAperture="0.8"'.encode("utf-16-le"))
    at = raw.index(old)
    (tmp_path / "cells.lif").write_bytes(raw[:at] + new + raw[at + len(old) :])
    image = open_file(tmp_path / "cells.lif", "image", pick=Pick(image=pick))
    np.testing.assert_array_equal(volumes(image), VALUES[:, :, 0] + 1)
    figures = {name: each.value for name, each in read_metadata(image, 0).figures.items()}
    assert figures == {"na": 1.2, "immersion": 1.33, "technique": "confocal"}
    first = open_file(tmp_path / "cells.lif", "image", pick=Pick(image=0))
    assert read_metadata(first, 0).figures["na"].value == 0.8


@pytest.mark.parametrize("keep", [10, 2000, -5000])
def test_a_file_that_is_cut_short_is_refused_by_name(tmp_path, keep):
    path = tmp_path / "cells.lif"
    write_lif(path, {"first": VALUES})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=re.escape(f"image {str(path)!r} cannot be read")):
        volumes(open_file(path, "image"))
