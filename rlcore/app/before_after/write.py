"""Writer for reports: a page or a picture in one self-contained file."""

from __future__ import annotations

import base64
import html
import io
import textwrap
import warnings
from pathlib import Path

from matplotlib.figure import Figure

from rlcore.app.before_after.facts import divergence, facts, photon_noise, shown
from rlcore.app.before_after.panels import draw
from rlcore.app.before_after.views import liveliest_line, view
from rlcore.app.file_request import FileRequest
from rlcore.app.files.decoding import Decoder, decode_nothing, into
from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import Opened, open_file
from rlcore.app.files.writing.destination import partial_output
from rlcore.app.run_summary import RunSummary
from rlcore.errors import InputError, OutputError

_SUFFIXES = (".html", ".png")
_DPI = 110
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1240px;margin:2em auto;padding:0 1em;color:#222}"
    "img{max-width:100%}th{text-align:left;vertical-align:top;padding:.2em 1.5em .2em 0;white-space:nowrap}"
    "td{overflow-wrap:anywhere}.w{color:#a00}"
)


def check_report(path: Path, *, force: bool) -> None:
    """Raises InputError if the report cannot be written, before anything is run."""
    name = repr(str(path))
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(f"report {name} has no ending that is known; choose one of {', '.join(_SUFFIXES)}")
    if not path.parent.is_dir():
        raise InputError(f"report folder {str(path.parent)!r} does not exist; make it first")
    if path.is_dir():
        raise InputError(f"report {name} is a folder; name a file")
    if path.exists() and not force:
        raise InputError(f"report {name} exists; give --force to replace it")


def write_report(path: Path, request: FileRequest, summary: RunSummary, warned: list[str]) -> None:
    """Writes a report that compares image and result of a run.

    Parameters
    ----------
    path : Path
        File ending in .html or .png; replaced once the report is complete.
    request : FileRequest
        Request of the run.
    summary : RunSummary
        Summary of the run.
    warned : list of str
        Warnings printed during the run.

    Raises
    ------
    OutputError
        If the file cannot be written; the result is complete nevertheless.
    """
    try:
        with partial_output(path) as partial:
            partial.write_bytes(_content(path, partial.with_name("decoded.npy"), request, summary, warned))
    except OSError as error:
        raise OutputError(
            f"report {str(path)!r} cannot be written: {error.strerror or error}; the result is complete"
        ) from error


def _content(path: Path, scratch: Path, request: FileRequest, summary: RunSummary, warned: list[str]) -> bytes:
    """Returns the report; `scratch` takes a volume of the image that cannot be mapped where it is."""
    said = facts(request, summary, _image(request, decode_nothing))
    picture = path.suffix.lower() == ".png"
    figure = _figure(request, summary, scratch, _foot(said, warned) if picture else [])
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=_DPI, format="png")
    return drawn.getvalue() if picture else _page(request, drawn.getvalue(), said, warned).encode()


def _figure(request: FileRequest, summary: RunSummary, scratch: Path, text: list[str]) -> Figure:
    image = _image(request, into(scratch, request.memory))
    place = shown(image, summary)
    volume, restored = image.volume(place), _result(request, summary).volume(place)
    at = liveliest_line(restored)
    before, after = view(volume, at, background=request.background), view(restored, at, step=summary.step or 1.0)
    scale = summary.voxel.micrometres("ZYX"[-volume.ndim :])
    return draw(before, after, at, scale, divergence(summary), text, photon_noise(volume, summary))


def _image(request: FileRequest, decode: Decoder) -> Opened:
    """Opens the image as the run has done, which has given its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return request.read_image(decode)


def _result(request: FileRequest, summary: RunSummary) -> Opened:
    """Opens the finished output; NumPy's format does not name its axes, so they are given."""
    axes = summary.axes if request.output.suffix.lower() == ".npy" else None
    return open_file(request.output, "result", pick=Pick(axes=axes))


def _foot(said: dict[str, str], warned: list[str]) -> list[str]:
    lines = [f"{name}: {fact}" for name, fact in said.items()] + [f"warning: {warning}" for warning in warned]
    return [part for line in lines for part in textwrap.wrap(line, 150, subsequent_indent="    ")]


def _page(request: FileRequest, picture: bytes, said: dict[str, str], warned: list[str]) -> str:
    rows = "".join(f"<tr><th>{html.escape(name)}</th><td>{html.escape(fact)}</td></tr>" for name, fact in said.items())
    warnings = "".join(f'<p class="w">warning: {html.escape(warning)}</p>' for warning in warned)
    title = html.escape(f"{request.image.name}, deconvolved")
    # the picture is embedded, so that the page can be sent as one file
    data = base64.b64encode(picture).decode()
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'</head><body><h1>{title}</h1>{warnings}<img alt="before and after, line profile, power spectrum and fit"'
        f' src="data:image/png;base64,{data}"><table>{rows}</table></body></html>\n'
    )
