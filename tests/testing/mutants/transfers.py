"""Backends that bring other values to the device and back."""

import numpy as np

from rlcore.errors import BackendError
from tests.testing.doubles import Foreign, Full
from tests.testing.mutants.marks import BLOCKS, TRUTH, fails, spoils_all


@spoils_all("download_gives_back_what_was_uploaded", "multiply", "ifft_undoes_fft", TRUTH)
class KeepsHalfPrecision(Full):
    def upload(self, volume):
        return super().upload(np.asarray(volume, np.float16))


@fails("upload_takes_every_real_dtype", "read_takes_every_dtype_and_copies")
class RefusesBigEndian(Full):
    def upload(self, volume):
        if not np.asarray(volume).dtype.isnative:
            raise BackendError("volume is big-endian")
        return super().upload(volume)


@fails("upload_takes_memory_of_every_layout")
class UploadsMemoryAsItLies(Full):
    def upload(self, volume):
        if isinstance(volume, Foreign):
            return super().upload(volume)
        return super().upload(np.asarray(volume).ravel(order="K").reshape(volume.shape))


@fails(
    "upload_copies", "out_may_be_an_input", "read_takes_every_dtype_and_copies", "ratio_is_0_outside_the_image", BLOCKS
)
class UploadShares(Full):
    def upload(self, volume):
        return super().upload(volume) if isinstance(volume, Foreign) else np.asarray(volume, self.dtype)


@fails("download_copies")
class DownloadShares(Full):
    def download(self, array, *, out=None):
        return array if out is None else super().download(array, out=out)


@fails("download_fills_out")
class DownloadIgnoresOut(Full):
    def download(self, array, *, out=None):
        return super().download(array)
