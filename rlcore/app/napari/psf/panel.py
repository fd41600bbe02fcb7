"""What the widgets for PSFs share: a layer to work on, a button, what was found in words, and a PSF as a layer."""

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
"""Pixels: room for the figures of a PSF."""


@dataclass(frozen=True, slots=True, eq=False)
class PanelResult:
    """What came of the work: lines to read, and a PSF where one was made."""

    lines: list[str]
    psf: Volume | None = None
    voxel: tuple[float, ...] | None = None
    """Micrometres along each axis, where known."""
    name: str = "psf"
    metadata: dict[str, Any] = field(default_factory=dict)


class PSFPanel:
    """A widget's parts.

    Parameters
    ----------
    viewer
        Whose layers are offered, and that the PSF is added to.
    label : str
        What the layer is called.
    fields : list
        Widgets between the layer and the button.
    buttons : dict
        Text of each button, and what makes the work when it is pressed: a function without arguments, run beside the
        window, that returns `PanelResult`; or the sentence that says what is missing.
    optional : bool
        Whether it does without a layer.
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
            button.changed.connect(lambda _=None, order=buttons[name]: self.do(order))
        self.container = widgets.Container(
            widgets=[self.layer, *fields, *self.buttons.values(), self.text], labels=True
        )
        self.container.panel = self  # lives as long as the container
        viewer.layers.events.inserted.connect(self._refresh)
        viewer.layers.events.removed.connect(self._refresh)

    def do(self, order: Callable[[], Callable[[], PanelResult] | str]) -> None:
        """Work beside the window, and show what comes of it."""
        work = attempt(order)
        if isinstance(work, str):
            notify(work)
            return
        self.busy = True
        start(lambda: attempt(work), self._show)

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
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
    """A PSF's figures, and what of it will hurt."""
    found = inspect_psf(psf)
    told = [" ".join(line.split()) for line in lines_of(found, voxel)]  # aligned for a terminal
    return [*told, *(f"warning: {warning}" for warning in found.warnings)]
