"""The position in time of an OME-Zarr is that of the first time point that is picked."""

import pytest
from fixtures.round_trips.images import WRITE

from rlcore.app.files.layout import Pick
from rlcore.app.files.metadata.position import position_of
from rlcore.app.files.opening import open_file


@pytest.mark.parametrize("name", ["v04.ome.zarr", "v05.ome.zarr"])
@pytest.mark.parametrize(("time", "minutes"), [("0:", 0.5), ("1:", 3.0), (1, 3.0)])
def test_later_time_points_begin_later(tmp_path, name, time, minutes):
    WRITE[name](tmp_path / name)
    image = open_file(tmp_path / name, "image", pick=Pick(time=time))
    at = position_of(image.about.selected(image.layout), image.layout).at
    assert at["T"] == pytest.approx(minutes)
    assert at["X"] == pytest.approx(1500)
