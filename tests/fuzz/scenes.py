"""Files that cases damage, and readers of their own that say what a damaged file still holds."""

import shutil
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import zarr

ITERATIONS = 2
PSF = np.array([[1, 2, 1], [2, 6, 2], [1, 2, 1]], np.float32)[None] * np.array([1, 3, 1], np.float32)[:, None, None]

_AXES = (("t", "time"), ("c", "channel"), ("z", "space"), ("y", "space"), ("x", "space"))
OME_ZARR = {
    "version": "0.5",
    "multiscales": [
        {
            "axes": [{"name": name, "type": kind} for name, kind in _AXES],
            "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 1, 1]}]}],
        }
    ],
}


@dataclass(frozen=True)
class Scene:
    """A file with an image whose voxels are known."""

    name: str
    image: np.ndarray
    path: Path


def voxels(rng, shape):
    """Counts whose mean differs from volume to volume, so that none can stand for another."""
    return (rng.poisson(40, shape) + 10 * np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))).astype(np.uint16)


def make(name, rng, folder):
    """Writes a scene of a kind into a folder."""
    series = voxels(rng, (2, 2, 3, 7, 8))
    stack = voxels(rng, (4, 7, 8))
    compressed = {"compression": "zlib"}
    if name == "npy":
        np.save(folder / "image.npy", stack)
        return Scene(name, stack, folder / "image.npy")
    if name in ("zarr", "zipped"):
        group = zarr.open_group(folder / "image.zarr", mode="w")
        codec = [None, "auto"][rng.integers(2)]
        array = group.create_array("0", shape=series.shape, chunks=(1, 1, 2, 4, 8), dtype="u2", compressors=codec)
        array[:] = series
        group.attrs["ome"] = OME_ZARR
        return Scene(name, series, folder / "image.zarr" if name == "zarr" else _zipped(folder / "image.zarr"))
    path = folder / ("image.ome.tif" if name.startswith("ome") and rng.integers(2) else "image.tif")
    image, options = {
        "ome": (series, {"ome": True, "metadata": {"axes": "TCZYX", "PhysicalSizeX": 0.1}}),
        "ome-compressed": (series, {"ome": True, "metadata": {"axes": "TCZYX"}, **compressed}),
        "ome-several": (stack, {"ome": True, "metadata": {"axes": "ZYX"}}),
        "imagej": (series.transpose(0, 2, 1, 3, 4), {"imagej": True, "metadata": {"axes": "TZCYX", "spacing": 2.0}}),
        "plain": (stack, {"metadata": {"axes": "ZYX"}}),
        "plain-compressed": (stack, {"metadata": {"axes": "ZYX"}, **compressed}),
        "bare": (stack, {"metadata": None}),
        "bare-compressed": (stack, {"metadata": None, "bigtiff": True, **compressed}),
        "tiled": (np.tile(stack, (1, 3, 3)), {"metadata": {"axes": "ZYX"}, "tile": (16, 16), **compressed}),
    }[name]
    with tifffile.TiffWriter(path, **_format(options)) as tif:
        tif.write(image, photometric="minisblack", **options)
        if name == "ome-several":
            tif.write(voxels(rng, (3, 9, 8)), photometric="minisblack", metadata={"axes": "ZYX"})
    return Scene(name, image, path)


def _format(options):
    """Takes the options out that are of a whole file, not of an image in it."""
    return {key: options.pop(key) for key in ("ome", "imagej", "bigtiff") if key in options}


def _zipped(folder):
    """Packs a Zarr as an archive in its place, and returns the archive."""
    archive = folder.with_suffix(".ozx")
    with zipfile.ZipFile(archive, "w") as made:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            made.write(path, path.relative_to(folder))
    shutil.rmtree(folder)
    return archive


KINDS = (
    "npy", "zarr", "ome", "ome-compressed", "imagej", "plain", "plain-compressed", "bare", "bare-compressed", "tiled",
)  # fmt: skip
CONTAINERS = ("zipped", "ome-several")
"""Kinds of files that hold more than an image: apart, since a seed chooses among its kinds by their number."""


def held(scene):
    """Returns the voxels that a damaged file holds, in the scene's shape; None if it holds no such image.

    Metadata are not asked where the pages tell enough: to lose planes, or to take channels for planes, is what is
    looked for.
    """
    try:
        if scene.name == "npy":
            found = np.load(scene.path)
            stated = scene.path.read_bytes()
            return found if len(stated) == found.nbytes + stated.index(b"\n") + 1 else None
        if scene.name == "zarr":
            return np.asarray(zarr.open_group(scene.path, mode="r")["0"][:])
        if scene.name == "zipped":
            with closing(zarr.storage.ZipStore(scene.path, mode="r")) as store:
                return np.asarray(zarr.open_group(store, mode="r")["0"][:])
        if scene.name == "imagej":
            with tifffile.TiffFile(scene.path) as tif:
                dtype, offset = tif.byteorder + tif.pages.first.dtype.char, tif.pages.first.dataoffsets[0]
                found = np.fromfile(scene.path, dtype, scene.image.size, offset=offset)
                return found.reshape(scene.image.shape)
        with tifffile.TiffFile(scene.path) as tif:
            pages = list(tif.pages)[: scene.image.shape[0]] if scene.name == "ome-several" else tif.pages
            return np.stack([page.asarray() for page in pages]).reshape(scene.image.shape)
    except Exception:  # noqa: BLE001 - whatever a library says of a damaged file: it holds no image
        return None


def restored(name, image):
    """Restores every volume of a scene in double precision, by sums over the PSF."""
    from fixtures.reference import restore

    # ImageJ has channels between z and y
    volumes = image.swapaxes(1, 2) if name == "imagej" and image.ndim == 5 else image
    out = np.empty(volumes.shape)
    for index in np.ndindex(volumes.shape[:-3]):
        out[index] = restore(volumes[index], PSF, (1, 1, 1), "extended", ITERATIONS)
    return out.swapaxes(1, 2) if volumes is not image else out
