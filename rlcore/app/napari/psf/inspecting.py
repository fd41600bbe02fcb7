"""Inspect a PSF: its figures, what of it will hurt, and a layer without what can be mended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rlcore.app.napari import layers
from rlcore.app.napari.psf.panel import PanelResult, PSFPanel, figures
from rlcore.optics.mend import mend_psf


def inspect_widget(viewer: Any = None) -> Any:
    """The widget as napari docks it."""
    import napari

    return InspectPanel(viewer or napari.current_viewer()).container


class InspectPanel(PSFPanel):
    """A layer in, figures out; and a mended layer if wanted."""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, "PSF", [], {"Inspect": self.inspect, "Mend": self.mend})
        self.text.tooltip = "Centre, widths, energy, background, asymmetry, and what of it will hurt."

    def inspect(self) -> Callable[[], PanelResult] | str:
        """What the first button does."""
        layer = self.layer.value
        if layer is None:
            return "choose a layer that holds a psf"
        values, voxel = layers.data(layer), layers.micrometres(layer)
        return lambda: PanelResult(figures(np.asarray(values), voxel))

    def mend(self) -> Callable[[], PanelResult] | str:
        """What the second does."""
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
