"""The camera that a run would take for a channel, as far as sampled planes show it."""

from __future__ import annotations

import numpy as np

from rlcore.algorithm.camera import estimate_camera
from rlcore.app.camera.stated import Stated, agrees
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.errors import InputError


def shown_camera(image: Opened, channel: int, stated: Stated) -> str:
    """Returns a line on the camera of a selected channel, by its first volume; empty if that cannot be read.

    The image is one that decodes the middle plane of a volume alone, where it has to decode it; of others a few planes
    are read.
    """
    try:
        volume = image.volume(Place(channel=channel))
    except InputError:
        return ""  # said where its values are shown
    if not any(getattr(volume, "strides", (1,))):  # the zeros that stand for voxels that were not decoded
        return ""
    shown = estimate_camera(volume, np.asarray, dtype=image.dtype)
    sentence = stated.sentence(shown)
    if sentence and stated.offset is not None and agrees(shown, stated.offset):
        shown = estimate_camera(volume, np.asarray, offset=stated.offset, dtype=image.dtype)
    return "; ".join(filter(None, (str(shown), sentence)))
