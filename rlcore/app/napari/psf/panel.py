"""Panel shared by the widgets for PSFs: a layer to work on, buttons, a text with results, and a new PSF layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rlcore.app.napari import layers
from rlcore.app.napari.background_worker import attempt, notify, start
from rlcore.app.psf.inspecting import lines_of
from rlcore.backend import Volume
from rlcore.optics.inspect import inspect_psf

_TEXT_HEIGHT = 170
"""Height in pixels for the figures of a PSF."""


@dataclass(frozen=True, slots=True, eq=False)
class PanelResult:
    """Result of a panel's work: lines of text, and a PSF if one was made."""

    lines: list[str]
    psf: Volume | None = None
    voxel: tuple[float, ...] | None = None
    """Voxel size in micrometres along each axis; None if unknown."""
    name: str = "psf"
    metadata: dict[str, Any] = field(default_factory=dict)


class PSFPanel:
    """Controls of a widget for PSFs.

    Parameters
    ----------
    viewer
        The napari viewer whose layers are offered, and that the PSF is added to.
    label : str
        Label of the layer.
    fields : list
        Widgets between the layer and the buttons.
    buttons : dict
        Text of each button, and the function called when it is pressed. It returns the work, a function without
        arguments that is run in the background and returns a `PanelResult`; or a sentence on what is missing.
    optional : bool
        Whether the panel works without a layer.
    """

    def __init__(
        self,
        viewer: Any,
        label: str,
        fields: list[Any],
        buttons: dict[str, Callable[[], Callable[[], PanelResult] | str]],
        *,
        optional: bool = False,
    ) -> None:
        from magicgui import widgets

        self._viewer = viewer
        self.layer = widgets.ComboBox(label=label, choices=lambda _: layers.images(viewer), nullable=optional)
        self.text = widgets.TextEdit(label="", value="")
        self.text.native.setReadOnly(True)
        self.text.native.setMinimumHeight(_TEXT_HEIGHT)
        self.buttons = {name: widgets.PushButton(text=name) for name in buttons}
        for name, button in self.buttons.items():
            # the default argument binds the function of this button, not of the last one
            button.changed.connect(lambda _=None, prepare=buttons[name]: self.start(prepare))
        self.container = widgets.Container(
            widgets=[self.layer, *fields, *self.buttons.values(), self.text], labels=True
        )
        self.container.panel = self  # lives as long as the container
        viewer.layers.events.inserted.connect(self._refresh)
        viewer.layers.events.removed.connect(self._refresh)

    def start(self, prepare: Callable[[], Callable[[], PanelResult] | str]) -> None:
        """Prepares the work in the window's thread, runs it in the background, and shows the result."""
        work = attempt(prepare)  # reads the widgets, which only the window's thread may do
        if isinstance(work, str):
            notify(work)
            return
        self.busy = True
        start(lambda: attempt(work), self._show)

    @property
    def busy(self) -> bool:
        """True if work is in progress."""
        return not all(button.enabled for button in self.buttons.values())

    @busy.setter
    def busy(self, busy: bool) -> None:
        for button in self.buttons.values():
            button.enabled = not busy

    def _show(self, made: PanelResult | str) -> None:
        self.busy = False
        if isinstance(made, str):
            self.text.value = made
            notify(made)
            return
        self.text.value = "\n".join(made.lines)
        if made.psf is not None:
            values = np.asarray(made.psf, np.float32)
            place = layers.placed(made.voxel)
            self._viewer.add_image(values, name=made.name, colormap="magma", metadata=made.metadata, **place)

    def _refresh(self, _: Any = None) -> None:
        self.layer.reset_choices()


def figures(psf: Volume, voxel: tuple[float, ...] | None) -> list[str]:
    """Returns the figures of a PSF as lines, with warnings of its faults."""
    found = inspect_psf(psf)
    lines = [" ".join(line.split()) for line in lines_of(found, voxel)]  # they are aligned for a terminal
    return [*lines, *(f"warning: {warning}" for warning in found.warnings)]
