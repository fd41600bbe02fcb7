"""Widget that inspects a PSF: its figures and faults, and a layer with the faults corrected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rlcore.app.napari import layers
from rlcore.app.napari.psf.panel import PanelResult, PSFPanel, figures
from rlcore.optics.mend import mend_psf


def inspect_widget(viewer: Any = None) -> Any:
    """Returns the widget, a magicgui container, for a viewer; for the current one by default."""
    import napari

    return InspectPanel(viewer or napari.current_viewer()).container


class InspectPanel(PSFPanel):
    """Panel that measures a layer, and adds a mended one on request."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, "PSF", [], {"Inspect": self.inspect, "Mend": self.mend})
        self.text.tooltip = "Centre, widths, energy, background, asymmetry, and faults that harm a deconvolution."

    def inspect(self) -> Callable[[], PanelResult] | str:
        """Returns the work of the button "Inspect", or a sentence on what is missing."""
        layer = self.layer.value
        if layer is None:
            return "choose a layer that holds a psf"
        values, voxel, doubts = layers.data(layer), layers.micrometres(layer), layers.doubts([layer])
        return lambda: PanelResult([*figures(np.asarray(values), voxel), *doubts])

    def mend(self) -> Callable[[], PanelResult] | str:
        """Returns the work of the button "Mend", or a sentence on what is missing."""
        layer = self.layer.value
        if layer is None:
            return "choose a layer that holds a psf"
        values, voxel, name = layers.data(layer), layers.micrometres(layer), layer.name

        def work() -> PanelResult:
            mended = mend_psf(np.asarray(values))
            if not mended.faults:
                return PanelResult([f"{name} needs no mending", *figures(mended.values, voxel)])
            head = f"{name} {' and '.join(mended.faults)}; mended"
            psf = mended.values / mended.values.sum()
            return PanelResult([head, *figures(psf, voxel)], psf, voxel, f"{name} mended")

        return work
