"""Preparation of a user's PSF for an image: mended, normalised, and resampled to the image's voxels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rlcore.app.channel_psfs import ChannelPSF
from rlcore.app.files.metadata.scale import ScaleWarning
from rlcore.app.files.opening import Opened
from rlcore.app.psf.files import scale_of
from rlcore.app.run_options import MEND
from rlcore.app.whole_numbers import whole_numbers
from rlcore.errors import caution
from rlcore.optics.mend import mend_psf
from rlcore.optics.psf import PSF, PSFWarning, prepare_psf, read_psf
from rlcore.optics.resample import resample_psf


def psf_for_image(image: Opened, psf: ChannelPSF, *, centre: str, background: str, energy: float) -> PSF:
    """Prepares a PSF, and resamples it to the image's voxels.

    Parameters
    ----------
    image : Opened
    psf : ChannelPSF
        Open files, with their voxel sizes.
    centre, background : str
        As for `prepare_psf`, written as text; or "mend".
    energy : float
        As for `prepare_psf`.

    Warns
    -----
    PSFWarning, ScaleWarning
        If the PSF was mended or resampled, or cannot be resampled although its voxels differ.

    Raises
    ------
    InputError
        If the PSF cannot be used.
    """
    volume = psf.opened.volume(psf.place)
    prepared, faults = prepare_mended(
        volume[(slice(None),) * volume.ndim],
        ndim=len(image.layout.volume_shape),
        # a computed PSF is exactly centred and has no pedestal: mending could only change it
        centre="middle" if psf.computed and centre == MEND else centre,
        background="0" if psf.computed and background == MEND else background,
        energy=energy,
    )
    if faults:
        name = psf.opened.path.name
        caution(f"psf {name!r} {' and '.join(faults)}; it is mended, or kept by --psf-as-is", PSFWarning)
    if psf.computed:
        prepared = replace(prepared, notes=(psf.computed, *prepared.notes))
    return _on_voxels(image, psf.opened, prepared)


def prepare_mended(
    psf: Any, *, ndim: int | None = None, centre: str = MEND, background: str = MEND, energy: float = 1.0
) -> tuple[PSF, list[str]]:
    """Prepares a PSF as `prepare_psf` does, after mending it where "mend" is given; also returns the faults mended."""
    mended = mend_psf(read_psf(psf, ndim), pedestal=background == MEND, centre=centre == MEND)
    prepared = prepare_psf(
        mended.values,
        centre="middle" if centre == MEND else _centre(centre),
        background=0.0 if background == MEND else _background(background),
        energy=energy,
    )
    notes = tuple(f"it {fault}; mended" for fault in mended.faults)
    return replace(prepared, notes=(*notes, *prepared.notes)), mended.faults


def _on_voxels(image: Opened, psf: Opened, prepared: PSF) -> PSF:
    if not image.about.voxel.differs(psf.about.voxel):
        return prepared
    said = f"psf has voxels of {psf.about.voxel}, the image of {image.about.voxel}"
    ours, theirs = scale_of(psf), scale_of(image)
    if ours is None or theirs is None:
        caution(f"{said}, and not all of them are known; give them by --voxel and --psf-voxel", ScaleWarning)
        return prepared
    resampled = resample_psf(prepared, ours, theirs, within=image.layout.volume_shape)
    caution(f"{said}; the psf is resampled to the image's", ScaleWarning)
    return resampled


def _centre(text: str) -> str | tuple[int, ...]:
    parts = text.split(",")
    voxel = whole_numbers(parts)
    return text if voxel is None or len(parts) == 1 else voxel


def _background(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
