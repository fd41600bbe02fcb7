"""Storage of a TIFF's voxels in words: dialect, size of offsets, compression, and the pieces that planes are cut in."""

from __future__ import annotations

import tifffile

from rlcore.app.files.metadata.voxel import Dialect

_DIALECTS: dict[Dialect, str] = {"ome": "OME-TIFF", "imagej": "ImageJ TIFF", "plain": "TIFF"}
_MAKERS = {"is_lsm": "Zeiss LSM", "is_stk": "MetaMorph STK", "is_svs": "Aperio SVS", "is_micromanager": "Micro-Manager"}
_NONE = 1


def storage_of(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, dialect: Dialect) -> dict[str, str]:
    """Returns how the voxels of a series are stored, in words by their topic."""
    page = series.keyframe
    maker = next((name for flag, name in _MAKERS.items() if getattr(tif, flag)), "")
    kind = [_DIALECTS[dialect], maker, "BigTIFF" if tif.is_bigtiff else ""]
    codec = "none" if page.compression == _NONE else tifffile.COMPRESSION(page.compression).name.lower()
    said = {"format": ", ".join(filter(None, kind)), "compression": codec}
    if page.is_tiled:
        said["tiles"] = f"{page.tilelength} x {page.tilewidth}"
    elif page.rowsperstrip < page.imagelength:
        said["strips"] = f"{page.rowsperstrip} rows"
    if len(series.levels) > 1:
        said["levels"] = f"{len(series.levels)}, of which the finest is read"
    order = str((tif.imagej_metadata or {}).get("order", "")) if dialect == "imagej" else ""
    if order.lower() not in ("", "czt", "default"):
        said["order of planes"] = f"{order}, fastest first"
    return said
