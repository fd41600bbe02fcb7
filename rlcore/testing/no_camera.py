"""The front door for images that no camera has recorded, such as phantoms of plain photons or of plain numbers.

Tests that compare numbers with a reference want nothing to be found out from the image's noise.
"""

from __future__ import annotations

from functools import partial

import rlcore
from rlcore.algorithm.stopping import DEFAULT_ITERATIONS

deconvolve = partial(rlcore.deconvolve, iterations=DEFAULT_ITERATIONS, offset=0.0, background=0.0, hot_pixels="keep")
"""`rlcore.deconvolve` without an offset, a background or hot pixels to find, and with a number of iterations."""

make_plan = partial(rlcore.make_plan, iterations=DEFAULT_ITERATIONS)
"""`rlcore.make_plan` for as many iterations."""
