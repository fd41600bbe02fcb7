"""Widget that computes a PSF for the microscope of an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlcore.app.files.decoding import decode_nothing
from rlcore.app.files.metadata.scale import parse_voxel
from rlcore.app.files.opening import open_file
from rlcore.app.napari import layers
from rlcore.app.napari.psf.panel import PanelResult, PSFPanel, figures
from rlcore.app.psf.files import parse_shape
from rlcore.app.psf.generating import compute
from rlcore.app.psf.metadata import ImageMetadata, only_channel, read_metadata
from rlcore.app.psf.microscope_sources import gather_microscope
from rlcore.errors import InputError
from rlcore.optics.generate import DEFAULT_MODEL, default_shape
from rlcore.optics.microscope import TECHNIQUES
from rlcore.optics.models import survey_models


def generate_widget(viewer: Any = None) -> Any:
    """Returns the widget, a magicgui container, for a viewer; for the current one by default."""
    import napari

    return GeneratePanel(viewer or napari.current_viewer()).container


class GeneratePanel(PSFPanel):
    """Panel that computes a PSF from a microscope's parameters, filled in from the metadata of the image's file."""

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
        self.layer.tooltip = "Its voxel size and its file's metadata fill in the fields."
        self.shape.tooltip = "Voxels, as 31x61x61; if empty, a shape that holds most of the light."
        self.layer.changed.connect(self.fill_in)
        self.fill_in()

    def fill_in(self, _: Any = None) -> None:
        """Fills in the fields from the layer and its file."""
        layer = self.layer.value
        if layer is None:
            return
        known = _metadata_of(layer)
        if (voxel := layers.micrometres(layer) or known.voxel) is not None:
            self.voxel.value = ",".join(f"{length:g}" for length in voxel)
        for name, figure in known.figures.items():
            if name == "technique":
                self.technique.value = figure.value
            else:
                self.figures[name].value = f"{figure.value:g}"
        said = ", ".join(f"{name} ({figure.source})" for name, figure in known.figures.items())
        text = [f"From the image's file: {said}."] if said else []
        self.text.value = " ".join([*text, *layers.doubts([layer])])

    def generate(self) -> Callable[[], PanelResult] | str:
        """Returns the work of the button "Generate"; raises InputError if a parameter is missing or wrong."""
        options: dict[str, Any] = {name: _number(field.label, field.value) for name, field in self.figures.items()}
        options |= {"technique": self.technique.value, "voxel": parse_voxel(self.voxel.value.strip() or None)}
        # the metadata have been filled into the fields already, where the user may have changed them
        taken = gather_microscope(ImageMetadata(), options, prefix="")
        text, model = self.shape.value.strip(), self.model.value
        size = parse_shape(text) if text else default_shape(taken.microscope, taken.voxel)
        voxel = taken.voxel[-len(size) :]

        def work() -> PanelResult:
            psf = compute(taken, model, size)
            said = str(taken).replace(" (option)", "")  # every entered value is an option; assumptions remain marked
            lines = [f"{model}, {said}", *figures(psf, voxel)]
            return PanelResult(lines, psf, voxel, f"psf {taken.microscope.wavelength * 1000:g} nm")

        return work


def _metadata_of(layer: Any) -> ImageMetadata:
    """Reads the microscope from the metadata of the layer's file; empty if the file cannot be read here."""
    path = getattr(layer.source, "path", None)
    if not path or not Path(path).exists():
        return ImageMetadata()
    try:
        image = open_file(Path(path), "image", decode=decode_nothing, fill_missing=True)
        return read_metadata(image, only_channel(image))
    except InputError:  # a format read by another plugin, or several channels that differ
        return ImageMetadata()


def _number(label: str, text: str) -> float | None:
    """Parses a number; None for an empty field."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{label} {text!r} is not a number; write it like 1.33, or leave it empty") from error
