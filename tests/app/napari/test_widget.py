"""The widget in napari: mostly on a viewer without a window, once in a real one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.windows import until

from rlcore.app.napari.devices import DeviceChoice
from rlcore.app.napari.sample import phantom_layers
from rlcore.app.napari.widget import RestorePanel

napari = pytest.importorskip("napari.components", reason="napari is not installed; nox -s napari runs these tests")

NUMPY = DeviceChoice("numpy", where="CPU")


@pytest.fixture
def panel(app):
    viewer = napari.ViewerModel()
    for data, options, _ in phantom_layers():
        viewer.add_image(data[..., :48, :48] if data.shape[-1] > 48 else data[8:23, 8:23, 8:23], **options)
    panel = RestorePanel(viewer)
    panel.image.value, panel.psf.value = viewer.layers["blurred cell"], viewer.layers["psf"]
    until(app, lambda: len(panel.runs_on.choices) > 1)
    panel.runs_on.value = next(choice for choice in panel.runs_on.choices if choice.backend == "numpy")
    panel.background.value, panel.auto.value, panel.iterations.value = "5", False, 3
    panel.viewer = viewer
    yield panel
    panel.cancel()
    until(app, lambda: panel.go.enabled)


def test_the_plan_is_there_before_the_run(app, panel):
    until(app, lambda: "3 iterations" in panel.plan.value)
    assert "The whole volume in one block" in panel.plan.value
    panel.memory.value = "lots"
    until(app, lambda: "memory 'lots' is not a size" in panel.plan.value)


def test_the_result_is_a_layer_like_its_image(app, panel):
    panel.restore()
    assert not panel.go.enabled
    until(app, lambda: panel.go.enabled)
    image, restored = panel.viewer.layers["blurred cell"], panel.viewer.layers["blurred cell restored"]
    assert restored.data.dtype == np.float32
    assert restored.data.shape == image.data.shape
    assert tuple(restored.scale) == tuple(image.scale)
    assert restored.units == image.units
    assert restored.contrast_limits[1] == pytest.approx(float(restored.data.max()))
    assert restored.metadata["rlcore"]["backend"] == "numpy"
    assert restored.metadata["background"] == 5.0
    assert restored.metadata["rlcore"]["background"] == [5.0]


def test_the_camera_goes_into_the_run(app, panel, notes):
    data = np.rint(panel.image.value.data * 0.5 + 100)
    panel.viewer.add_image(data, name="recorded")
    panel.image.reset_choices()
    panel.image.value, panel.background.value = panel.viewer.layers["recorded"], "auto"
    panel.restore()
    until(app, lambda: panel.go.enabled)
    made = panel.viewer.layers["recorded restored"].metadata["rlcore"]
    assert made["offset"] == pytest.approx(100, abs=2)
    assert f"Camera{made['camera'].removeprefix('camera')}" in panel.plan.value
    assert f"Background {made['background'][0]:.4g} above the offset" in panel.plan.value
    assert notes == []
    panel.offset.value, panel.gain.value, panel.hot_pixels.value = "90", "0.5", "keep"
    panel.restore()
    until(app, lambda: panel.go.enabled)
    made = panel.viewer.layers[-1].metadata["rlcore"]
    assert (made["offset"], made["gain"], made["hot_pixels"]) == (90, 0.5, 0)
    panel.offset.value = "dark"
    until(app, lambda: "offset 'dark' is neither a number nor 'auto'" in panel.plan.value)


def test_it_finds_out_how_many_iterations_unless_told(app, panel):
    assert RestorePanel(panel.viewer).auto.value
    assert not RestorePanel(panel.viewer).iterations.enabled
    panel.auto.value, panel.regularization.value = True, "tv"
    assert not panel.iterations.enabled
    until(app, lambda: "200 iterations" in panel.plan.value)
    panel.restore()
    until(app, lambda: panel.go.enabled)
    made = panel.viewer.layers["blurred cell restored"].metadata["rlcore"]
    assert (made["iterations"], made["regularization"]) == ("auto", "tv")
    panel.auto.value = False
    assert panel.iterations.enabled


def test_cancel_stops_and_leaves_no_layer(app, panel):
    panel.iterations.value = 100_000
    panel.restore()
    until(app, lambda: "iteration " in panel.plan.value and panel.plan.value.startswith("iteration"))
    panel.cancel()
    until(app, lambda: panel.go.enabled)
    assert int(re.search(r"stopped on request after (\d+)% of the work", panel.plan.value)[1]) < 50
    assert len(panel.viewer.layers) == 2


def test_an_error_is_a_notification_with_the_sentence(app, panel, notes):
    panel.background.value = "1e8"
    panel.restore()
    until(app, lambda: panel.go.enabled)
    assert any("is not below the image's mean" in note.message for note in notes)
    panel.psf.value = None
    panel.restore()
    assert any("choose an image layer, and a PSF layer or a PSF file" in note.message for note in notes)


def test_a_time_series(app, panel):
    series = np.stack([panel.image.value.data[:, :20, :20]] * 2)
    panel.image.value = panel.viewer.add_image(series, name="series")
    panel.image.reset_choices()
    panel.image.value = panel.viewer.layers["series"]
    panel.restore()
    until(app, lambda: panel.go.enabled)
    assert panel.viewer.layers["series restored"].data.shape == series.shape


def test_what_cannot_run_is_grey_and_says_why(app, panel):
    panel._fill_device_choices([DeviceChoice(), NUMPY, DeviceChoice("cupy", reason="no CUDA device")])
    assert not panel.runs_on.native.model().item(2).isEnabled()
    assert panel.runs_on.native.model().item(1).isEnabled()
    assert panel.runs_on.tooltip == "cupy: no CUDA device"


WINDOW = """
import sys, time
import napari
from fixtures.windows import until
from napari.qt import get_qapp
from qtpy.QtCore import QTimer

viewer = napari.Viewer(show=True)
app = get_qapp()
viewer.open_sample("rlcore", "phantom")
viewer.scale_bar.visible, viewer.scale_bar.position = True, "bottom_left"
dock, widget = viewer.window.add_plugin_dock_widget("rlcore", "Richardson-Lucy")
panel = widget.panel

panel.image.value, panel.psf.value = viewer.layers["blurred cell"], viewer.layers["psf"]
until(app, lambda: len(panel.runs_on.choices) > 1)
beats, heart = [], QTimer()
heart.timeout.connect(lambda: beats.append(time.perf_counter()))
heart.start(5)
panel.auto.value, panel.iterations.value = False, 100_000
until(app, lambda: "100000 iterations" in panel.plan.value)
panel.go.native.click()
until(app, lambda: panel.plan.value.startswith("iteration"))
beats.clear()
until(app, lambda: len(beats) > 300)
print("longest gap", max(later - earlier for earlier, later in zip(beats, beats[1:])))
panel.stop.native.click()
until(app, lambda: panel.go.enabled)
assert "stopped on request" in panel.plan.value
panel.auto.value, panel.iterations.value = True, 15
until(app, lambda: "determines how many" in panel.plan.value)
viewer.window.resize(1500, 900)
viewer.window.screenshot(sys.argv[2], canvas_only=False)
panel.go.native.click()
until(app, lambda: panel.go.enabled)
viewer.layers["blurred cell"].visible = False
viewer.layers["blurred cell restored"].blending = "opaque"
viewer.dims.set_point(0, 3.2)
viewer.window.resize(1500, 900)
until(app, lambda: "Camera offset" in panel.plan.value)
viewer.reset_view(margin=0)
until(app, lambda: True)
viewer.window.screenshot(sys.argv[1], canvas_only=False)
print([layer.name for layer in viewer.layers])
viewer.close()
"""


in_a_window = pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no display; run under xvfb-run")


def shown(tmp_path):
    """What the program with a window prints."""
    picture = os.environ.get("RLCORE_SCREENSHOT", str(tmp_path / "window.png"))
    done = subprocess.run(
        [sys.executable, "-c", WINDOW, picture, picture + ".before.png"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@in_a_window
def test_a_real_window(tmp_path):
    assert "['blurred cell', 'psf', 'blurred cell restored']" in shown(tmp_path)


@in_a_window
@pytest.mark.timing
def test_the_window_answers_within_a_tenth_of_a_second_while_it_restores(tmp_path):
    assert float(re.search(r"longest gap (\S+)", shown(tmp_path))[1]) < 0.1
