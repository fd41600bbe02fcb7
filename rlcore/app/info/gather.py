"""Facts of an image file: gathered as a run would open it, with its warnings, and its refusal if it would refuse it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rlcore.app.camera.stated import stated_camera
from rlcore.app.file_request import FileRequest
from rlcore.app.files.images import ImageEntry
from rlcore.app.files.opening import Opened, list_images, refusal_of
from rlcore.app.files.remote.url import Location
from rlcore.app.info.cameras import shown_camera
from rlcore.app.info.oddities import odd_axes, odd_order, odd_scale
from rlcore.app.info.values import Sample, middle_plane, odd_values, sample_values, unreadable
from rlcore.app.psf.metadata import ImageMetadata, read_metadata
from rlcore.app.psf.microscope_sources import gather_microscope, missing_options
from rlcore.app.terminal import Terminal
from rlcore.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class ChannelFacts:
    """A channel that would be restored."""

    number: int
    """Channel, counted as in the file."""
    name: str
    figures: dict[str, float | str]
    """Known parameters of the microscope, such as its aperture and the wavelength in nm."""
    auto: str
    """The microscope that --psf auto would take, with the source of each parameter; empty if it cannot."""
    stated: dict[str, str]
    """What the file states of the camera, by name."""
    camera: str
    """The camera that a run would take, as the sampled planes show it; empty if none could be read."""
    lacks: tuple[str, ...]
    """Options of `rlcore psf generate` that would have to be given for a PSF to be computed."""


@dataclass(frozen=True, slots=True, eq=False)
class FileFacts:
    """Everything that was understood of an image file."""

    path: Location
    images: tuple[ImageEntry, ...]
    opened: Opened | None
    """The image that a run would take; None if it cannot be opened."""
    channels: tuple[ChannelFacts, ...] = ()
    values: Sample | None = None
    odd: list[str] = field(default_factory=list)
    """Sentences about what a run would warn of, or that is unusual."""
    refused: list[str] = field(default_factory=list)
    """Sentences with which a run would refuse the file."""


def gather(path: Location, which: str | None = None, axes: str | None = None, voxel: str | None = None) -> FileFacts:
    """Gathers the facts of a file; of its voxels no more than sampled planes are read.

    Parameters
    ----------
    path : Path or Url
        The file.
    which, axes, voxel : str, optional
        The image to describe, the letters of its axes and its size of voxels, as `rlcore deconvolve` takes them.

    Raises
    ------
    InputError
        If it cannot be read at all.
    """
    listener = Terminal(quiet=True)
    with listener.listening():
        facts = _gather(path, FileRequest(image=path, which_image=which, axes=axes, voxel=voxel, fill_missing=True))
    return replace(facts, odd=list(dict.fromkeys([*listener.warned, *facts.odd])))


def _gather(path: Location, request: FileRequest) -> FileFacts:
    try:
        image = request.open_image(middle_plane)
    except InputError as error:
        try:
            images = list_images(path)
        except InputError:
            images = ()
        if not any(entry.shape for entry in images):
            raise
        return FileFacts(path, images, None, refused=[str(error)])
    refused = [] if image.missing is None else [refusal_of(image.missing, f"image {str(path)!r}", "image")]
    odd = [*image.notes, *odd_order(image), *odd_axes(image), *odd_scale(image)]
    values = None
    try:
        values = sample_values(image)
    except InputError as error:
        refused.append(str(error))
    if values is not None:
        refused += unreadable(values)
        odd += odd_values(image, values)
    return FileFacts(path, image.images, image, _channels(image, odd), values, odd, refused)


def _channels(image: Opened, odd: list[str]) -> tuple[ChannelFacts, ...]:
    """Returns the selected channels; adds to `odd` why metadata of the microscope cannot be used."""
    names: Sequence[str] = image.channel_names
    made = []
    for place, number in enumerate(image.layout.channels):
        auto, lacks, metadata = "", list[str](), ImageMetadata()
        try:
            metadata = read_metadata(image, number)
            lacks = missing_options(metadata, {})
            if not lacks:
                auto = str(gather_microscope(metadata, {}))
        except InputError as error:
            odd.append(str(error))
        figures = {name: figure.value for name, figure in metadata.figures.items()}
        name, stated = names[place] if place < len(names) else "", stated_camera(image, number)
        camera = shown_camera(image, place, stated)
        made.append(ChannelFacts(number, name, figures, auto, stated.words, camera, tuple(lacks)))
    return tuple(made)
