"""Voxel sizes of layers, which need no window."""

from types import SimpleNamespace

import pytest

from rlcore.app.napari import layers


def layer(scale, units, name="cells"):
    return SimpleNamespace(ndim=len(scale), scale=scale, units=units, name=name)


@pytest.mark.parametrize(
    ("scale", "units", "why"),
    [
        ((1, 1, 1), ("micrometer",) * 3, "programs write where they know no size"),
        ((0.3, 0.1, 0.1), ("meter",) * 3, "no microscope has"),
        ((0.3, 250, 250), ("micrometer",) * 3, "no microscope has"),
        ((0.00001, 0.1, 0.1), ("nanometer",) * 3, "no microscope has"),
    ],
)
def test_a_size_that_is_not_believed_is_unknown_and_said_to_be(scale, units, why):
    assert layers.micrometres(layer(scale, units)) is None
    [said] = layers.doubts([layer((0.3, 0.1, 0.1), ("micrometer",) * 3, "sound"), layer(scale, units)])
    assert said.startswith("Layer 'cells' has voxels of ")
    assert f"which {why}: their size counts as unknown" in said


@pytest.mark.parametrize("units", [("micrometer",) * 3, ("pixel",) * 3])
def test_nothing_is_said_of_a_size_that_is_believed_or_has_no_unit(units):
    assert layers.doubts([layer((0.3, 0.1, 0.1), units)]) == ()
