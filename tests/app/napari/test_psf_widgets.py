"""The widgets that make, distil and inspect PSFs, on a viewer without a window; what they make restores."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fixtures.bead_fields import bead_field
from fixtures.scenes import gaussian
from fixtures.windows import until

import rlcore
from rlcore.app.napari.devices import DeviceChoice
from rlcore.app.napari.psf.distilling import DistilPanel
from rlcore.app.napari.psf.generating import GeneratePanel
from rlcore.app.napari.psf.inspecting import InspectPanel
from rlcore.app.napari.widget import RestorePanel
from rlcore.optics import Microscope, default_shape, generate_psf, inspect_psf
from rlcore.testing.metrics import nrmse
from rlcore.testing.optics import wide_field_psf
from rlcore.testing.phantoms import phantom

napari = pytest.importorskip("napari.components", reason="napari is not installed; nox -s napari runs these tests")
npe2 = pytest.importorskip("npe2", reason="npe2 is not installed; nox -s napari runs these tests")

VOXEL = (0.2, 0.1, 0.1)
PLACE = {"scale": VOXEL, "units": ("um",) * 3}
MICROSCOPE = Microscope(na=1.2, wavelength=0.52, index=1.33)


@pytest.fixture
def viewer(app):
    return napari.ViewerModel()


def press(app, panel, name):
    panel.buttons[name].native.click()
    until(app, lambda: not panel.busy)


def fill(panel, **figures):
    for name, value in figures.items():
        panel.figures[name].value = str(value)


def test_a_psf_is_generated_on_the_images_voxels(app, viewer):
    viewer.add_image(np.zeros((9, 9, 9)), name="cells", **PLACE)
    panel = GeneratePanel(viewer)
    panel.layer.value = viewer.layers["cells"]
    assert panel.voxel.value == "0.2,0.1,0.1"
    fill(panel, na=1.2, emission=520, immersion=1.33)
    press(app, panel, "Generate")
    psf = viewer.layers["psf 520 nm"]
    expected = generate_psf(MICROSCOPE, default_shape(MICROSCOPE, VOXEL), VOXEL)
    np.testing.assert_allclose(psf.data, expected, rtol=1e-5, atol=1e-9)
    assert tuple(psf.scale) == pytest.approx(VOXEL)
    assert psf.units == viewer.layers["cells"].units
    assert panel.text.value.startswith("gibson-lanni, wide-field, NA 1.2, emission 520 nm, immersion 1.33, voxels")
    assert "width (FWHM)" in panel.text.value


def test_what_the_images_file_says_need_not_be_typed(app, viewer, tmp_path):
    z, y, x = VOXEL
    metadata = {"axes": "ZYX", "PhysicalSizeX": x, "PhysicalSizeY": y, "PhysicalSizeZ": z,
                "Channel": {"EmissionWavelength": 520.0, "AcquisitionMode": "WideField"}}  # fmt: skip
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, np.zeros((3, 8, 9), np.uint8), ome=True, metadata=metadata)
    npe2.PluginManager.instance().discover()
    viewer.open(path, plugin="napari")
    panel = GeneratePanel(viewer)
    panel.layer.value = viewer.layers[0]
    panel.fill_in()
    assert panel.figures["emission"].value == "520"
    assert panel.voxel.value == "0.2,0.1,0.1"
    assert "emission (channel)" in panel.text.value


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"na": 1.2}, "not known well enough; give emission, voxel"),
        ({"na": "large"}, "NA 'large' is not a number"),
        ({"na": 1.7, "emission": 520, "immersion": 1.5}, "not known well enough; give voxel"),
    ],
)
def test_what_cannot_be_generated_is_a_notification(app, viewer, notes, figures, said):
    panel = GeneratePanel(viewer)
    fill(panel, **figures)
    press(app, panel, "Generate")
    assert any(said in note.message for note in notes)
    assert len(viewer.layers) == 0


def test_a_psf_is_distilled_from_a_layer_of_beads(app, viewer, notes):
    made = bead_field(count=10, shape=(30, 180, 180), apart=(18, 26, 26), psf=wide_field_psf((31, 31, 31)))
    viewer.add_image(made.stack, name="beads", **PLACE)
    panel = DistilPanel(viewer)
    panel.window.value = "17x31x31"
    press(app, panel, "Distil")
    psf = viewer.layers["psf of beads"]
    assert psf.data.shape == (17, 31, 31)
    assert tuple(psf.scale) == pytest.approx(VOXEL)
    assert inspect_psf(psf.data).fwhm == pytest.approx(inspect_psf(made.psf).fwhm, rel=0.05)
    assert "beads found" in panel.text.value
    panel.window.value = "99x31x31"
    press(app, panel, "Distil")
    assert any("does not fit into the stack" in note.message for note in notes)


def test_a_psf_is_inspected_and_mended(app, viewer):
    values = np.roll(gaussian((21, 21, 21), 2.0), 2, 2)
    viewer.add_image(values + 0.05 * values.max(), name="measured", **PLACE)
    panel = InspectPanel(viewer)
    press(app, panel, "Inspect")
    assert "z 4.7" in panel.text.value
    assert "µm" in panel.text.value
    assert "warning: pedestal: the outer shell's median is 4.8% of the maximum" in panel.text.value
    press(app, panel, "Mend")
    mended = viewer.layers["measured mended"]
    assert inspect_psf(mended.data).warnings == ()
    assert "measured stands on a pedestal of 4.8% of its maximum and is off centre" in panel.text.value
    panel.layer.value = mended
    press(app, panel, "Mend")
    assert "measured mended needs no mending" in panel.text.value
    assert len(viewer.layers) == 2


def test_what_a_widget_makes_restores_in_the_other_and_is_mended_and_resampled(app, viewer):
    truth = wide_field_psf((21, 25, 25))
    made = phantom("mixed", (16, 40, 40), psf=truth)
    fine = wide_field_psf((41, 49, 49), voxel=(0.1, 0.05, 0.05))
    viewer.add_image(made.image, name="cells", **PLACE)
    viewer.add_image(fine + 0.03 * fine.max(), name="psf", scale=(0.1, 0.05, 0.05), units=("um",) * 3)
    panel = RestorePanel(viewer)
    panel.image.value, panel.psf.value = viewer.layers["cells"], viewer.layers["psf"]
    until(app, lambda: len(panel.runs_on.choices) > 1)
    panel.runs_on.value = DeviceChoice(
        "numpy", where=next(e.where for e in panel.runs_on.choices if e.backend == "numpy")
    )
    panel.background.value, panel.auto.value, panel.iterations.value = str(made.background), False, 5
    until(app, lambda: "5 iterations" in panel.plan.value and "stands on a pedestal" in panel.plan.value)
    assert "resampled from (41, 49, 49) to (21, 25, 25) voxels" in panel.plan.value
    panel.restore()
    until(app, lambda: panel.go.enabled)
    plain = {"iterations": 5, "offset": 0, "background": made.background, "hot_pixels": "keep", "backend": "numpy"}
    expected = rlcore.deconvolve(made.image, truth, **plain)
    found = viewer.layers["cells restored"].data
    assert nrmse(found, made.truth) < 1.02 * nrmse(expected, made.truth)
    with pytest.warns(rlcore.PSFWarning):
        spoiled = rlcore.deconvolve(made.image, fine + 0.03 * fine.max(), **plain)
    assert nrmse(spoiled, made.truth) > 1.1 * nrmse(expected, made.truth)


WINDOW = """
import sys
import napari
from napari.qt import get_qapp
from fixtures.windows import until

viewer = napari.Viewer(show=True)
app = get_qapp()
viewer.open_sample("rlcore", "phantom")
viewer.scale_bar.visible, viewer.scale_bar.position = True, "bottom_left"
viewer.layers["psf"].visible = False
_, generate = viewer.window.add_plugin_dock_widget("rlcore", "PSF of a microscope")
_, inspect = viewer.window.add_plugin_dock_widget("rlcore", "Inspect a PSF", tabify=False)
panel = generate.panel
panel.layer.value = viewer.layers["blurred cell"]
for name, value in {"na": "1.2", "emission": "600", "immersion": "1.33", "sample": "1.38", "depth": "10"}.items():
    panel.figures[name].value = value
panel.buttons["Generate"].native.click()
until(app, lambda: not panel.busy)
viewer.layers["blurred cell"].visible = False
made = viewer.layers["psf 600 nm"]
inspect.panel.layer.value = made
inspect.panel.buttons["Inspect"].native.click()
until(app, lambda: not inspect.panel.busy)
made.gamma, made.blending = 0.4, "opaque"
viewer.dims.order = (1, 0, 2)
viewer.dims.set_point(1, made.extent.world[:, 1].mean())
viewer.window.resize(1500, 1000)
until(app, lambda: True)
viewer.camera.center, viewer.camera.zoom = tuple(made.extent.world.mean(axis=0)[[1, 0, 2]]), 140
until(app, lambda: True)
viewer.window.screenshot(sys.argv[1], canvas_only=False)
print([layer.name for layer in viewer.layers], "cut off" in inspect.panel.text.value)
viewer.close()
"""


@pytest.mark.skipif(not os.environ.get("DISPLAY"), reason="no display; run under xvfb-run")
def test_a_real_window(tmp_path):
    picture = os.environ.get("RLCORE_PSF_SCREENSHOT", str(tmp_path / "window.png"))
    done = subprocess.run(
        [sys.executable, "-c", WINDOW, picture],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    assert "['blurred cell', 'psf', 'psf 600 nm'] True" in done.stdout
