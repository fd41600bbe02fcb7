"""The position of an image is that of its first plane, along axes where its planes agree on it."""

from xml.etree import ElementTree

import pytest

from rlcore.app.files.layout import ALL, Pick, lay_out
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.ome.position import position_of_planes

VOXEL = Voxel({"Z": 0.5, "Y": 0.1, "X": 0.1, "T": 2.0}, {"Z": "µm", "Y": "µm", "X": "µm", "T": "s"})


def found(axis, numbers, unit="µm", pick=ALL):
    """Returns the position along an axis that planes of two time points by three along z state, and the direction."""
    pixels = ElementTree.Element("Pixels")
    for plane, number in enumerate(numbers):
        at = {"TheT": str(plane // 3), "TheC": "0", "TheZ": str(plane % 3)}
        said = {} if number is None else {f"Position{axis}": str(number), f"Position{axis}Unit": unit}
        ElementTree.SubElement(pixels, "Plane", {**at, **said})
    at, backwards = position_of_planes(pixels, lay_out("image 'f'", "TCZYX", (2, 1, 3, 8, 8), pick), VOXEL)
    return at.get(axis), backwards


@pytest.mark.parametrize(
    ("numbers", "at"),
    [
        ([5] * 6, 5),
        ([5, 5, 5, 5.04, 5.04, 5.04], 5),  # less than half a voxel
        ([5, 5, 5, 5.06, 5.06, 5.06], None),
        ([5, 5, 5, 4.94, 4.94, 4.94], None),
        ([5, 5.1, 5.2, 5, 5.1, 5.2], None),  # planes do not follow each other along x
        ([None, 5, 5, 5, 5, 5], None),  # nobody knows where the first one is
        ([5, None, None, None, None, None], 5),
    ],
)
def test_a_stage_that_moves_has_no_position(numbers, at):
    assert found("X", numbers) == (at, False)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([7, 7.5, 8] * 2, (7, False)),
        ([7, 6.5, 6] * 2, (7, True)),
        ([7, 7, 7] * 2, (7, False)),  # the position of the stack
        ([7, 7.6, 8.2] * 2, (7, False)),  # within half a voxel of where they should be
        ([7, 7.5, 8.3] * 2, (None, False)),
        ([7, 8, 9] * 2, (None, False)),
        ([7, 7.5, 8, 9, 9.5, 10], (None, False)),  # focus has drifted
    ],
)
def test_planes_lie_where_their_distance_says(numbers, expected):
    assert found("Z", numbers) == expected


def test_units_are_those_of_the_voxel_and_no_length_is_no_position():
    assert found("X", [5000] * 6, "nm") == (5, False)
    assert found("X", [5] * 6, "reference frame") == (None, False)


def test_planes_that_were_not_picked_do_not_count():
    assert found("X", [5, 5, 5, 9, 9, 9], pick=Pick(time="1")) == (9, False)
    assert found("X", [5, 5, 5, 9, 9, 9], pick=Pick(time="0")) == (5, False)
