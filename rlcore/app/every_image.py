"""Restoration of every image in a file, each into a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

from rlcore.app.file_request import FileRequest
from rlcore.app.files.images import ImageEntry
from rlcore.app.files.opening import list_images
from rlcore.app.files.writing.apart import check_runs_apart
from rlcore.app.restore import check_request, others_of
from rlcore.app.run_summary import RunSummary
from rlcore.errors import RLCoreError

_BEFORE_ENDING = (".zarr", ".ome")
"""First parts of endings of several parts, such as .ome.tif, the last one first."""


def restore_each(
    request: FileRequest, run: Callable[[FileRequest], RunSummary]
) -> list[tuple[FileRequest, RunSummary]]:
    """Restores every image of a file but thumbnails, one after the other.

    Parameters
    ----------
    request : FileRequest
        Request whose output, checkpoint and report name those of each image, by the image's number.
    run : callable
        Restores the image of one request.

    Returns
    -------
    list of tuple
        Request and summary of each image.

    Raises
    ------
    RLCoreError
        If an image cannot be restored; the message names it. Results of images before it are complete, and stay.
    """
    images = [entry for entry in list_images(request.image) if entry.kind == "image"]
    # all names are checked before the first run, which may take hours
    requests = [checked(each) for each in requests_for(request, images)]
    check_runs_apart([[("output", each.output), *others_of(each)] for each in requests])
    made: list[tuple[FileRequest, RunSummary]] = []
    for entry, each in zip(images, requests, strict=True):
        try:
            made.append((each, run(each)))
        except RLCoreError as error:
            rest = f"; {len(made)} of {len(images)} images are restored" if len(images) > 1 else ""
            raise type(error)(f"image {entry} of {str(request.image)!r}: {error}{rest}") from error
    return made


def checked(request: FileRequest) -> FileRequest:
    """Returns a request whose output and report can be written; raises InputError otherwise."""
    if request.report is not None:
        from rlcore.app.before_after import check_report

        check_report(request.report, force=request.force)
    check_request(request)
    return request


def requests_for(request: FileRequest, images: list[ImageEntry]) -> list[FileRequest]:
    """Returns a request for each image, with paths of its own for all that is written."""
    width = len(str(max(entry.number for entry in images)))

    def numbered(path: Path | None, entry: ImageEntry) -> Path | None:
        return None if path is None else path.with_name(_numbered(path.name, f"{entry.number:0{width}}"))

    return [
        replace(
            request,
            which_image=entry.number,
            output=request.output.parent / _numbered(request.output.name, f"{entry.number:0{width}}"),
            checkpoint=numbered(request.checkpoint, entry),
            report=numbered(request.report, entry),
        )
        for entry in images
    ]


def _numbered(name: str, number: str) -> str:
    """Returns a name with a number before its ending: ``cells-1.ome.tif`` for ``cells.ome.tif``."""
    ending = PurePath(name).suffix
    stem = name.removesuffix(ending)
    for first in _BEFORE_ENDING:
        if ending and stem.lower().endswith(first):
            ending, stem = stem[-len(first) :] + ending, stem[: -len(first)]
    return f"{stem}-{number}{ending}"
