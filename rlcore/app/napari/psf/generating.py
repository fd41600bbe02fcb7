"""Compute a PSF for the microscope that an image was taken with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlcore.app.files.opening import decode_nothing, open_file
from rlcore.app.napari import layers
from rlcore.app.napari.psf.panel import PanelResult, PSFPanel, figures
from rlcore.app.psf.files import parse_shape
from rlcore.app.psf.generating import compute, parse_voxel
from rlcore.app.psf.metadata import ImageMetadata, only_channel, read_metadata
from rlcore.app.psf.microscope_sources import take
from rlcore.errors import InputError
from rlcore.optics.generate import DEFAULT_MODEL, default_shape
from rlcore.optics.microscope import TECHNIQUES
from rlcore.optics.models import survey_models


def generate_widget(viewer: Any = None) -> Any:
    """The widget as napari docks it."""
    import napari

    return GeneratePanel(viewer or napari.current_viewer()).container


class GeneratePanel(PSFPanel):
    """A microscope in, a PSF out; what the image's file says of its microscope need not be typed."""

    def __init__(self, viewer: Any) -> None:
        from magicgui import widgets

        usable = [finding.name for finding in survey_models() if finding.state == "usable"]
        self.model = widgets.ComboBox(label="model", choices=usable, value=DEFAULT_MODEL)
        self.technique = widgets.ComboBox(label="technique", choices=TECHNIQUES)
        self.figures = {
            name: widgets.LineEdit(label=label, value="")
            for name, label in (
                ("na", "NA"), ("emission", "emission (nm)"), ("excitation", "excitation (nm)"),
                ("immersion", "immersion index"), ("sample", "specimen index"), ("depth", "depth (µm)"),
                ("pinhole", "pinhole (Airy)"), ("sheet", "sheet (µm)"),
            )
        }  # fmt: skip
        self.voxel = widgets.LineEdit(label="voxel z,y,x (µm)", value="")
        self.shape = widgets.LineEdit(label="shape", value="")
        fields = [self.model, self.technique, *self.figures.values(), self.voxel, self.shape]
        super().__init__(viewer, "image", fields, {"Generate": self.generate}, optional=True)
        self.layer.tooltip = "Whose voxel size, and file's metadata, fill in what they say."
        self.shape.tooltip = "Voxels, as 31x61x61; what holds most of the light if empty."
        self.layer.changed.connect(self.fill_in)
        self.fill_in()

    def fill_in(self, _: Any = None) -> None:
        """Show what the layer and its file say."""
        layer = self.layer.value
        if layer is None:
            return
        told = _told(layer)
        if (voxel := layers.micrometres(layer) or told.voxel) is not None:
            self.voxel.value = ",".join(f"{length:g}" for length in voxel)
        for name, figure in told.figures.items():
            if name == "technique":
                self.technique.value = figure.value
            else:
                self.figures[name].value = f"{figure.value:g}"
        said = ", ".join(f"{name} ({figure.source})" for name, figure in told.figures.items())
        self.text.value = f"From the image's file: {said}." if said else ""

    def generate(self) -> Callable[[], PanelResult] | str:
        """What the button does."""
        options: dict[str, Any] = {name: _number(field.label, field.value) for name, field in self.figures.items()}
        options |= {"technique": self.technique.value, "voxel": parse_voxel(self.voxel.value.strip() or None)}
        taken = gather_microscope(ImageMetadata(), options, prefix="")
        text, model = self.shape.value.strip(), self.model.value
        size = parse_shape(text) if text else default_shape(taken.microscope, taken.voxel)
        voxel = taken.voxel[-len(size) :]

        def work() -> PanelResult:
            psf = compute(taken, model, size)
            said = str(taken).replace(" (option)", "")  # everything here was; what is assumed is told
            lines = [f"{model}, {said}", *figures(psf, voxel)]
            return PanelResult(lines, psf, voxel, f"psf {taken.microscope.wavelength * 1000:g} nm")

        return work


def _told(layer: Any) -> ImageMetadata:
    """What the layer's file says of its microscope, if it is one that is read here."""
    path = getattr(layer.source, "path", None)
    if not path or not Path(path).exists():
        return ImageMetadata()
    try:
        image = open_file(Path(path), "image", decode=decode_nothing)
        return read_metadata(image, only_channel(image))
    except InputError:  # of a kind that another plugin reads, or of channels that differ
        return ImageMetadata()


def _number(label: str, text: str) -> float | None:
    """A figure as it was typed; None where nothing was."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{label} {text!r} is not a number; write it like 1.33, or leave it empty") from error
