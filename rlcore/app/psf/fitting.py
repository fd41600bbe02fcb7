"""A user's PSF brought to an image: mended, prepared, and resampled to its voxels."""

from __future__ import annotations

from rlcore.app.psf.files import scale_of
from rlcore.app.reading import Opened
from rlcore.app.run_options import MEND
from rlcore.caution import caution
from rlcore.optics.mend import mend_psf
from rlcore.optics.resample import resample_psf
from rlcore.psf import PSF, PSFWarning, prepare_psf, read_psf


class ScaleWarning(UserWarning):
    """Image and PSF say that their voxels differ in size."""


def fit_psf(image: Opened, psf: Opened, *, centre: str, background: str, energy: float) -> PSF:
    """The PSF as asked for, on the image's voxels.

    Parameters
    ----------
    image, psf : Opened
        Files with what they say of their voxels.
    centre, background : str
        As a user writes them for `prepare_psf`; or "mend".
    energy : float
        As for `prepare_psf`.

    Warns
    -----
    PSFWarning, ScaleWarning
        If something was mended, or resampled, or should have been.
    """
    values = read_psf(psf.array, image.array.ndim)
    mended = mend_psf(values, pedestal=background == MEND, centre=centre == MEND)
    if mended.faults:
        kept = ["--psf-background 0"] * bool(mended.pedestal) + ["--psf-centre middle"] * any(mended.offset)
        told = f"psf {' and '.join(mended.faults)}; it is mended"
        caution(f"{told}, or kept as it is with {' '.join(kept)}", PSFWarning)
    prepared = prepare_psf(
        mended.values,
        ndim=image.array.ndim,
        centre="middle" if centre == MEND else _centre(centre),
        background=0.0 if background == MEND else _background(background),
        energy=energy,
    )
    notes = tuple(f"it {fault}; mended" for fault in mended.faults)
    return _on_voxels(image, psf, PSF(prepared.values, prepared.centre, (*notes, *prepared.notes)))


def _on_voxels(image: Opened, psf: Opened, prepared: PSF) -> PSF:
    if not image.voxel.differs(psf.voxel):
        return prepared
    ours, theirs = scale_of(psf), scale_of(image)
    if ours is None or theirs is None:
        caution(f"psf has voxels of {psf.voxel}, the image of {image.voxel}; resample the psf", ScaleWarning)
        return prepared
    caution(
        f"psf has voxels of {psf.voxel}, the image of {image.voxel}; the psf is resampled to the image's", ScaleWarning
    )
    return resample_psf(prepared, ours, theirs)


def _centre(text: str) -> str | tuple[int, ...]:
    parts = text.split(",")
    if len(parts) > 1 and all(part.strip().isdigit() for part in parts):
        return tuple(map(int, parts))
    return text


def _background(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text
