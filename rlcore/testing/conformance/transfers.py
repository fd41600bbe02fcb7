"""To the device and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape, Volume, real_dtype
from rlcore.testing.conformance.cases import over_shapes, volume

REAL_DTYPES = (
    *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
    *("float16", "float32", "float64", ">u2", ">i4", ">f4", ">f8"),
)
"""What images come in; cameras and old files write big-endian numbers."""


class Transfers:
    """`upload` and `download`."""

    @over_shapes
    def test_download_gives_back_what_was_uploaded(self, backend: Backend[Any], shape: Shape) -> None:
        """``download(upload(x))`` is not x to the last bit: voxels are moved, cut off, or kept in half precision."""
        array = volume(shape) * np.float32(1 + 2**-20)
        back = backend.download(backend.upload(array))
        assert back.dtype == real_dtype(backend)
        np.testing.assert_array_equal(back, array)

    def test_upload_takes_every_real_dtype(self, backend: Backend[Any]) -> None:
        """`upload` fails on images of some type, or changes their values; convert them to the backend's precision."""
        for dtype in REAL_DTYPES:
            array = volume((3, 4, 5), low=0, high=100).astype(dtype)
            np.testing.assert_array_equal(
                backend.download(backend.upload(array)), array.astype(real_dtype(backend)), f"upload of {dtype}"
            )

    def test_upload_takes_memory_of_every_layout(self, backend: Backend[Any]) -> None:
        """`upload` reads strided, reversed, transposed or read-only memory wrongly; images often are views of files."""
        array = volume((6, 8, 10))
        locked = array.copy()
        locked.flags.writeable = False
        views: list[Volume] = [array[::2, 1:7, ::3], array[::-1, :, ::-1], array.T, np.asfortranarray(array), locked]
        views.append(np.broadcast_to(array[:, :1], (6, 5, 10)))
        for view in views:
            np.testing.assert_array_equal(backend.download(backend.upload(view)), view)

    def test_upload_copies(self, backend: Backend[Any]) -> None:
        """The device's array is the caller's own memory: the algorithm would overwrite the image; copy in `upload`."""
        array = volume((4, 5)).astype(real_dtype(backend))
        before = array.copy()
        device = backend.upload(array)
        array[...] = 7
        np.testing.assert_array_equal(backend.download(device), before)

    def test_download_copies(self, backend: Backend[Any]) -> None:
        """What `download` gave changes with the device's array, or the array with it; it must be memory of its own."""
        before = volume((4, 5)).astype(real_dtype(backend))
        device = backend.upload(before)
        host = backend.download(device)
        host[...] = 7
        np.testing.assert_array_equal(backend.download(device), before)

    @over_shapes
    def test_download_fills_out(self, backend: Backend[Any], shape: Shape) -> None:
        """`download` ignores `out`, or cannot fill one that is strided or of double precision."""
        array = volume(shape)
        device = backend.upload(array)
        doubled = (*shape[:-1], 2 * shape[-1])
        for out in (np.zeros(shape, np.float32), np.zeros(shape), np.zeros(doubled, np.float32)[..., ::2]):
            assert backend.download(device, out=out) is out
            np.testing.assert_array_equal(out, array)
