"""The camera of an image: offset, gain and read noise, from the image's own noise; pixels that are no data."""

from rlcore.algorithm.camera.estimate import estimate_camera
from rlcore.algorithm.camera.hot_pixels import find_hot_pixels
from rlcore.algorithm.camera.model import Camera
from rlcore.algorithm.camera.saturation import find_saturation

__all__ = ["Camera", "estimate_camera", "find_hot_pixels", "find_saturation"]
