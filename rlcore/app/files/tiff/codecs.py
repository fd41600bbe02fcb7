"""Compressions of a TIFF, some of which only the package imagecodecs decodes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tifffile

from rlcore.errors import InputError


def check_codec(file: str, page: tifffile.TiffPage) -> None:
    """Raises InputError, before a run begins, if nothing that is installed decodes a page's voxels."""
    compression, predictor = _name(page.compression), page.predictor
    said = f"{file} is compressed by {compression}{'' if predictor == 1 else f' with predictor {_name(predictor)}'}"
    try:
        with naming_imagecodecs(said):
            tifffile.TIFF.DECOMPRESSORS[page.compression]
            tifffile.TIFF.UNPREDICTORS[predictor]
    except KeyError as error:
        raise InputError(f"{said}, which nothing here decodes; save it with another") from error


@contextmanager
def naming_imagecodecs(said: str) -> Iterator[None]:
    """Raises InputError that begins with `said` for an error inside that says that the package imagecodecs is missing.

    tifffile has decoders of its own for some compressions, and needs the package for the others.
    """
    try:
        yield
    except Exception as error:
        if "imagecodecs" not in str(error):
            raise
        raise InputError(f"{said}, which needs the package imagecodecs; try: pip install 'rlcore[codecs]'") from error


def _name(code: object) -> str:
    """Returns the name of a compression or a predictor, or its number if it has none."""
    return str(getattr(code, "name", code))
