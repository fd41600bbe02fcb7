"""Widgets for PSFs: computed for a microscope, distilled from beads, inspected and mended."""

from rlcore.app.napari.psf.distilling import distil_widget
from rlcore.app.napari.psf.generating import generate_widget
from rlcore.app.napari.psf.inspecting import inspect_widget

__all__ = ["distil_widget", "generate_widget", "inspect_widget"]
