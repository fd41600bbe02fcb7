"""A run of the library in blocks, from files to a file, with a checkpoint."""

import json
import sys
from dataclasses import replace

import numpy as np

import rlcore

METHODS = {
    "heavy-ball": {},
    "tv": {"regularization": "tv"},
    "consensus": {"regularization": "consensus"},
    "biggs": {"acceleration": "biggs"},
    "stopping": {"acceleration": "none", "stop": "relative-change", "threshold": 1e-9},
}
_ITERATIONS = 3


def restore(arguments):
    """Restores `image` by `psf` into `out`, with the options of a method, and exits as the program does."""
    image_path, psf_path, out_path, checkpoint, method = arguments
    image, psf, options = np.load(image_path), np.load(psf_path), METHODS[method]
    plan = rlcore.make_plan(image.shape, psf.shape, iterations=_ITERATIONS, backend="numpy", **_planned(options))
    core = tuple(n // 2 + 1 for n in image.shape)
    plan = replace(
        plan, block_shape=tuple(k + p + 1 for k, p in zip(core, psf.shape, strict=True)), core_shape=core,
        halo=tuple(p - 1 for p in psf.shape), half_steps=1, placement="scratch", overlap=False,
    )  # fmt: skip
    out = np.lib.format.open_memmap(out_path, "w+", np.float32, image.shape)
    try:
        rlcore.deconvolve(
            image,
            psf,
            iterations=_ITERATIONS,
            backend="numpy",
            offset=0,
            out=out,
            plan=plan,
            checkpoint=checkpoint,
            **options,
        )
    except rlcore.errors.RLCoreError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from error


def _planned(options):
    return json.loads(json.dumps({name: value for name, value in options.items() if name != "threshold"}))
