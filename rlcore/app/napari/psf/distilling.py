"""Widget that distils a PSF from a layer of beads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rlcore.app.napari import layers
from rlcore.app.napari.psf.panel import PanelResult, PSFPanel, figures
from rlcore.app.psf.files import parse_shape
from rlcore.optics.distil import distil_psf, usual_window
from rlcore.optics.psf import without_leading_axes


def distil_widget(viewer: Any = None) -> Any:
    """Returns the widget, a magicgui container, for a viewer; for the current one by default."""
    import napari

    return DistilPanel(viewer or napari.current_viewer()).container


class DistilPanel(PSFPanel):
    """Panel that averages the beads of a layer to a PSF."""

    def __init__(self, viewer: Any) -> None:
        from magicgui import widgets

        self.window = widgets.LineEdit(label="shape of the PSF", value="")
        self.threshold = widgets.FloatSpinBox(label="threshold", value=0.0, min=0.0, max=1e9)
        self.saturation = widgets.FloatSpinBox(label="saturation", value=0.0, min=0.0, max=1e9)
        super().__init__(viewer, "beads", [self.window, self.threshold, self.saturation], {"Distil": self.distil})
        self.window.tooltip = "Voxels, as 31x41x41; free of neighbours. 31 on each axis if empty."
        self.threshold.tooltip = "Counts above the background that make a bead; found from the stack if 0."
        self.saturation.tooltip = "Counts at which the camera is full; found from the stack if 0."

    def distil(self) -> Callable[[], PanelResult] | str:
        """Returns the work of the button "Distil", or a sentence on what is missing."""
        layer = self.layer.value
        if layer is None:
            return "choose a layer that holds beads"
        # leading axes of one entry are no part of a stack
        stack, voxel = without_leading_axes(layers.data(layer), 3), layers.micrometres(layer)
        name, doubts = f"psf of {layer.name}", layers.doubts([layer])
        text = self.window.value.strip()
        window = parse_shape(text) if text else usual_window(stack.shape)
        # 0 stands for "found from the stack", as a spin box cannot be empty
        limits = {"threshold": self.threshold.value or None, "saturation": self.saturation.value or None}

        def work() -> PanelResult:
            made = distil_psf(np.asarray(stack), window, **limits)
            return PanelResult([*made.lines(), *figures(made.psf, voxel), *doubts], made.psf, voxel, name)

        return work
