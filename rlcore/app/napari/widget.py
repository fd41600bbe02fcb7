"""Restoration widget: layers and options, a description of the plan, a background run, and its result as a layer."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.algorithm.regularization import REGULARIZATIONS
from rlcore.api.camera_options import HOT_PIXELS
from rlcore.app.napari import layers
from rlcore.app.napari.background_worker import notify, start
from rlcore.app.napari.camera import ANY_CAMERA, CameraChoice
from rlcore.app.napari.devices import AUTO, DeviceChoice, device_choices
from rlcore.app.napari.job import FILE_AXES, Job, describe
from rlcore.app.napari.run import Failure, Result, Step, run

_PLAN_HEIGHT = 150
"""Height in pixels for the longest plan, so that the window keeps its layout when one is shown."""


def restore_widget(viewer: Any = None) -> Any:
    """Returns the widget, a magicgui container, for a viewer; for the current one by default."""
    import napari

    return RestorePanel(viewer or napari.current_viewer()).container


class RestorePanel:
    """Controls of the restoration widget, and their actions."""

    def __init__(self, viewer: Any) -> None:
        from magicgui import widgets

        self._viewer, self._cancel = viewer, threading.Event()
        self._asked = 0
        self.image = widgets.ComboBox(label="image", choices=self._images)
        self.psf = widgets.ComboBox(label="PSF", choices=self._images, nullable=True)
        self.psf_file = widgets.FileEdit(label="or PSF file", mode="r", nullable=True)
        self.psf_axes = widgets.LineEdit(label=FILE_AXES, value="")
        self.auto = widgets.CheckBox(text="find out how many, or", value=True)
        self.iterations = widgets.SpinBox(value=15, min=1, max=100_000, enabled=False)
        self.regularization = widgets.ComboBox(label="regularization", choices=REGULARIZATIONS)
        self.runs_on = widgets.ComboBox(label="runs on", choices=[AUTO])
        self.boundary = widgets.ComboBox(label="boundary", choices=BOUNDARIES)
        self.offset = widgets.LineEdit(label="offset", value=ANY_CAMERA.offset)
        self.gain = widgets.LineEdit(label="gain", value=ANY_CAMERA.gain)
        self.background = widgets.LineEdit(label="background", value=ANY_CAMERA.background)
        self.hot_pixels = widgets.ComboBox(label="hot pixels", choices=HOT_PIXELS, value=ANY_CAMERA.hot_pixels)
        self.memory = widgets.LineEdit(label="memory", value="")
        self.mend = widgets.CheckBox(text="mend the PSF", value=True)
        self.keep_type = widgets.CheckBox(text="keep the image's type", value=False)
        self.plan = widgets.TextEdit(label="plan", value="")
        self.plan.native.setReadOnly(True)
        self.plan.native.setMinimumHeight(_PLAN_HEIGHT)
        self.progress = widgets.ProgressBar(label="", value=0, max=1000)
        self.go = widgets.PushButton(text="Restore")
        self.stop = widgets.PushButton(text="Cancel", enabled=False)
        source = [self.image, self.psf, self.psf_file, self.psf_axes, self.mend]
        count, camera = [self.auto, self.iterations], [self.offset, self.gain, self.background, self.hot_pixels]
        others = [self.regularization, self.runs_on, self.boundary, self.memory]
        rows = [
            widgets.Container(widgets=count, layout="horizontal", labels=False, label="iterations"),
            widgets.Container(widgets=camera[:2], layout="horizontal", label="camera"),
            widgets.Container(widgets=camera[2:], layout="horizontal", label=""),
        ]
        for row in rows:
            row.margins = 0, 0, 0, 0
        shown = [*source, *rows, *others, self.keep_type, self.plan, self.progress, self.go, self.stop]
        self.container = widgets.Container(widgets=shown, labels=True)
        self.container.panel = self  # lives as long as the container
        self._connect([*source, *count, *camera, *others])
        self._explain()
        start(device_choices, self._fill_device_choices)

    def restore(self) -> None:
        """Starts the run."""
        job = self._job()
        if job is None:
            notify("choose an image layer, and a PSF layer or a PSF file")
            return
        self._cancel = threading.Event()
        self._busy(True)
        layer = self.image.value  # the user may select another while the run lasts
        start(run, lambda _: self._busy(False), job, self._cancel, yielded=lambda step: self._receive(step, layer))

    def cancel(self) -> None:
        """Stops the run within one iteration."""
        self._cancel.set()
        self.plan.value = "stopping"

    def _connect(self, options: list[Any]) -> None:
        self._viewer.layers.events.inserted.connect(self._refresh)
        self._viewer.layers.events.removed.connect(self._refresh)
        for option in options:
            option.changed.connect(self._ask_for_plan)
        self.auto.changed.connect(lambda found: setattr(self.iterations, "enabled", not found))
        self.go.changed.connect(self.restore)
        self.stop.changed.connect(self.cancel)

    def _explain(self) -> None:
        self.image.tooltip = "Entries along further axes, such as time, are restored one after the other."
        self.psf_axes.tooltip = "Axes of the PSF file, as ZYX, if it does not name them, or not rightly."
        self.mend.tooltip = "Subtract a pedestal and centre the peak; the plan lists what was changed."
        self.auto.tooltip = (
            "30 % of the photons are held out; the number at which the others explain them best is taken, for all "
            "volumes that of the first. Where the image does not tell its photons it is 15."
        )
        self.offset.tooltip = (
            "What the camera reads without light, in the image's units: a number, or auto to estimate it from the "
            "image's noise. It is taken off. Give 0 if it is taken off already."
        )
        self.gain.tooltip = "Image units per photon: a number (1 for photons), or auto to estimate it from the noise."
        self.background.tooltip = (
            "Light that is not the object's (haze), in the image's units above the offset: a number, or auto to take "
            "the darkest parts of each volume."
        )
        self.hot_pixels.tooltip = (
            "find: hot, dead and saturated pixels are found, and count as no data. keep: all of them count."
        )
        self.regularization.tooltip = (
            "Suppresses noise: tv penalises total variation, consensus keeps what two halves of the photons agree on."
        )
        self.boundary.tooltip = "Outside the image: light estimated from the image, zero, or the image repeated."
        self.memory.tooltip = "Memory limit, as 4 GiB or 50%; the free memory if empty."
        self.keep_type.tooltip = "Round to the image's type instead of float32."

    def _images(self, _: Any = None) -> list[Any]:
        return layers.images(self._viewer)

    def _refresh(self, _: Any = None) -> None:
        self.image.reset_choices()
        self.psf.reset_choices()
        self._ask_for_plan()

    def _fill_device_choices(self, found: list[DeviceChoice]) -> None:
        """Shows all choices; those that are unavailable are grey, with the reason as a tooltip."""
        self.runs_on.choices = found
        items = self.runs_on.native.model()  # magicgui cannot disable single entries, Qt can
        for number, choice in enumerate(found):
            if choice.reason:
                items.item(number).setEnabled(False)
                items.item(number).setToolTip(choice.reason)
        reasons = [f"{choice.backend}: {choice.reason}" for choice in found if choice.reason]
        self.runs_on.tooltip = "\n".join(reasons)

    def _job(self) -> Job | None:
        file = self.psf_file.value
        # an empty FileEdit has the value Path("."); a file takes precedence over a layer
        psf = file if file and str(file) != "." else None if self.psf.value is None else layers.data(self.psf.value)
        if self.image.value is None or psf is None:
            return None
        used = [self.image.value, *([] if psf is file else [self.psf.value])]
        return Job(
            image=layers.data(self.image.value),
            psf=Path(psf) if psf is file else psf,
            voxel=layers.micrometres(self.image.value),
            psf_voxel=None if psf is file else layers.micrometres(self.psf.value),
            psf_axes=self.psf_axes.value,
            mend=self.mend.value,
            iterations="auto" if self.auto.value else self.iterations.value,
            regularization=self.regularization.value,
            runs_on=self.runs_on.value or AUTO,
            boundary=self.boundary.value,
            camera=CameraChoice(
                offset=self.offset.value,
                gain=self.gain.value,
                background=self.background.value,
                hot_pixels=self.hot_pixels.value,
            ),
            memory=self.memory.value,
            keep_type=self.keep_type.value,
            doubts=layers.doubts(used),
        )

    def _ask_for_plan(self, _: Any = None) -> None:
        """Describes the plan in the background; an answer to outdated options is not shown."""
        self._asked += 1
        asked, job = self._asked, self._job()
        if job is None:
            self.plan.value = "Choose an image, and a PSF or its file."
        else:
            start(describe, lambda text: self._show_plan(asked, text), job)

    def _show_plan(self, asked: int, text: str) -> None:
        if asked == self._asked:
            self.plan.value = text

    def _receive(self, message: Step | Result | Failure, layer: Any) -> None:
        if isinstance(message, Step):
            self.progress.value = round(message.fraction * 1000)
            self.plan.value = message.text
        elif isinstance(message, Result):
            self._viewer.add_image(message.volume, **_like(layer, message))
            self.plan.value = message.text
        else:
            self.plan.value = message.sentence
            if not message.cancelled:
                notify(message.sentence)

    def _busy(self, busy: bool) -> None:
        self.go.enabled, self.stop.enabled = not busy, busy
        self.progress.value = 0


def _like(layer: Any, result: Result) -> dict[str, Any]:
    """Returns keywords of the result's layer: placed and coloured as its image, with its own contrast limits."""
    low, high = float(result.volume.min()), float(result.volume.max())
    kept = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels", "colormap", "blending")
    return {
        **{name: getattr(layer, name) for name in kept},
        "name": f"{layer.name} restored",
        "contrast_limits": (min(0.0, low), high if high > low else low + 1),
        "metadata": {**layer.metadata, "rlcore": result.provenance},
    }
