"""Every option of the algorithm gives in blocks what it gives on the whole volume, and survives being interrupted."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.errors import OutOfMemory
from rlcore.testing.phantoms import phantom

SHAPE, PSF_SHAPE = (18, 30, 26), (5, 5, 4)
OPTIONS = {
    "heavy ball": {"acceleration": "heavy-ball"},
    "plain": {"acceleration": "none"},
    "biggs": {"acceleration": "biggs"},
    "tv": {"regularization": "tv", "tv_weight": 0.01},
    "consensus": {"regularization": "consensus"},
    "biggs and tv": {"acceleration": "biggs", "regularization": "tv"},
    "biggs and consensus": {"acceleration": "biggs", "regularization": "consensus", "seed": 3},
}
BACKENDS = {"numpy": NumPyBackend(), "double": NumPyBackend(dtype="float64"), "pyfftw": rlcore.load_backend("pyfftw")}


def problem():
    """An image of a cell, and a PSF that is odd along some axes, even along another and centred in its middle."""
    axes = np.meshgrid(*[np.arange(p) - p // 2 for p in PSF_SHAPE], indexing="ij")
    psf = np.exp(-sum(axis**2 for axis in axes) / 2.5)
    return phantom("mixed", SHAPE, psf=psf, photons=80, seed=4).image, psf


def plan_in_blocks(backend, half_steps, placement="host", **options):
    """A plan that cuts two axes, whatever the memory."""
    chosen = {key: value for key, value in options.items() if key not in ("tv_weight", "seed")}
    plan = rlcore.make_plan(SHAPE, PSF_SHAPE, backend=backend, memory="1 TiB", **chosen)
    domain = plan.geometry.domain.shape
    keep = (domain[0] // 2, -(-domain[1] // 3), domain[2])
    halo = tuple(max(1, half_steps // 2) * (p - 1) * (k < n) for p, k, n in zip(PSF_SHAPE, keep, domain, strict=True))
    margin = tuple(h if half_steps == 1 else 2 * h for h in halo)
    block = (keep[0] + margin[0], keep[1] + margin[1], plan.block_shape[2])
    return replace(plan, block_shape=block, core_shape=keep, halo=halo, half_steps=half_steps, placement=placement)


def restore(backend, plan=None, iterations=30, **options):
    image, psf = problem()
    return rlcore.deconvolve(image, psf, backend=backend, plan=plan, iterations=iterations, background=5.0, **options)


@pytest.mark.parametrize(
    ("option", "half_steps"),
    [(option, n) for option in OPTIONS for n in (1, 2, 6) if n <= 2 or not option.startswith("biggs")],
)
@pytest.mark.parametrize(("backend", "bound"), [("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)])
def test_blocks_equal_the_whole(option, half_steps, backend, bound):
    backend, options = BACKENDS[backend], OPTIONS[option]
    plan = plan_in_blocks(backend, half_steps, iterations=30, **options)
    assert len(plan.cut()) == 6
    whole = restore(backend, **options)
    assert np.abs(restore(backend, plan, **options) - whole).max() <= bound * whole.max()


def look_at_every_third_plane(monkeypatch, *, early):
    """As if the image were large; `early` steps these planes by themselves, as if factors stayed on the device."""
    monkeypatch.setattr("rlcore.algorithm.sampled_planes.SAMPLED_VOXELS", math.prod(SHAPE) // 3)
    monkeypatch.setattr("rlcore.algorithm.inner_products.FEW", 3)
    if early:
        for kind in {type(backend) for backend in BACKENDS.values()}:
            monkeypatch.setattr(kind, "factor", lambda _, inner_products, *, most: inner_products.factor(most), raising=False)


@pytest.mark.parametrize(("backend", "bound"), [("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)])
@pytest.mark.parametrize("half_steps", [1, 2])
@pytest.mark.parametrize("early", [False, True])
def test_factors_from_some_planes_are_the_same_in_blocks(half_steps, backend, bound, early, monkeypatch):
    """On average they are those of all planes."""
    backend, options = BACKENDS[backend], OPTIONS["biggs"]
    _, every = restore(backend, return_info=True, **options)
    look_at_every_third_plane(monkeypatch, early=early)
    whole, some = restore(backend, return_info=True, **options)
    assert some.share < 0.5
    assert some.factors != every.factors
    assert abs(np.mean(some.factors) - np.mean(every.factors)) <= 0.05
    plan = plan_in_blocks(backend, half_steps, iterations=30, **options)
    assert np.abs(restore(backend, plan, **options) - whole).max() <= bound * whole.max()


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize("option", ["biggs", "biggs and tv", "biggs and consensus"])
def test_planes_stepped_by_themselves_tell_what_they_tell_among_the_others(option, monkeypatch):
    """On a backend that cannot look, they are brought to the host."""
    told = []
    for early, backend in ((False, BACKENDS["double"]), (True, BACKENDS["double"]), (False, Blind(dtype="float64"))):
        with monkeypatch.context() as patched:
            look_at_every_third_plane(patched, early=early)
            told.append(restore(backend, return_info=True, **OPTIONS[option]))
    for ours, info in told[1:]:
        np.testing.assert_allclose(info.factors, told[0][1].factors, rtol=1e-9)
        assert np.abs(ours - told[0][0]).max() <= 1e-12 * ours.max()


class Blind(NumPyBackend):
    """A backend that cannot look at planes."""

    fit = planes = None


@pytest.mark.parametrize("option", ["heavy ball", "biggs", "biggs and tv", "biggs and consensus"])
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("placement", ["device", "host", "scratch"])
def test_wherever_volumes_live_and_whatever_lies_outside(option, boundary, placement, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    look_at_every_third_plane(monkeypatch, early=True)
    backend, options = BACKENDS["double"], OPTIONS[option] | {"boundary": boundary}
    whole = restore(backend, iterations=8, **options)
    for half_steps in (1, 2 if "biggs" in option else 4):
        plan = plan_in_blocks(backend, half_steps, placement, iterations=8, **options)
        assert np.abs(restore(backend, plan, iterations=8, **options) - whole).max() <= 1e-12 * whole.max()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "large"),
    [("heavy ball", False), ("plain", False), ("biggs", False), ("biggs", True), ("biggs and consensus", True)],
)
@pytest.mark.parametrize("half_steps", [None, 1, 2])
def test_a_run_that_is_stopped_goes_on_with_the_same_bits(option, large, half_steps, tmp_path, monkeypatch):
    backend, options = BACKENDS["numpy"], OPTIONS[option]
    if large:
        look_at_every_third_plane(monkeypatch, early=True)
    plan = plan_in_blocks(backend, half_steps, "scratch", iterations=12, **options) if half_steps else None
    never_stopped = restore(backend, plan, 12, checkpoint=tmp_path / "never stopped", **options)
    for calls in (1, 9, 20):
        folder = tmp_path / f"{calls}"
        seen = []
        try:
            restore(
                backend, plan, 12, checkpoint=folder,
                callback=lambda progress, seen=seen, calls=calls: seen.append(progress) or len(seen) < calls, **options,
            )  # fmt: skip
        except rlcore.Cancelled:
            assert folder.exists()
        again = restore(backend, plan, 12, checkpoint=folder, **options)
        np.testing.assert_array_equal(again, never_stopped)
        assert not folder.exists()


OTHERS = [
    ("acceleration", {"acceleration": "none"}),
    ("regularization", {"regularization": "consensus"}),
    ("regularization", {"regularization": "tv"}),
]


@pytest.mark.parametrize(("name", "other"), [*OTHERS, ("regularization", {"regularization": "tv", "tv_weight": 0.01})])
def test_a_checkpoint_of_another_choice_is_refused(name, other, tmp_path):
    def stop(_):
        return False

    with pytest.raises(rlcore.Cancelled):
        restore("numpy", checkpoint=tmp_path / "state", callback=stop, **other)
    ours = {"regularization": "tv"} if "tv_weight" in other else {}
    with pytest.raises(rlcore.CheckpointError, match=f"other {name}"):
        restore("numpy", checkpoint=tmp_path / "state", **ours)


@pytest.mark.parametrize(("name", "other"), OTHERS)
def test_a_plan_of_another_choice_is_refused(name, other):
    plan = rlcore.make_plan(SHAPE, PSF_SHAPE, iterations=30, backend="numpy", **other)
    with pytest.raises(rlcore.InputError, match=f"plan is for {name} {other[name]!r}, not "):
        restore("numpy", plan)


class Running(NumPyBackend):
    """A backend whose memory runs out once, in the middle of a run."""

    def __init__(self, after):
        super().__init__(dtype="float64")
        self.left = after

    def fft(self, array, *, out=None):
        self.left -= 1
        if self.left == 0:
            raise OutOfMemory("memory ran out")
        return super().fft(array, out=out)


@pytest.mark.parametrize("acceleration", ["heavy-ball", "biggs"])
def test_going_on_by_a_smaller_plan_keeps_the_momentum(acceleration, monkeypatch):
    options = {"acceleration": acceleration}
    whole = restore(BACKENDS["double"], iterations=12, **options)
    backend = Running(after=6 * 2 * 3 + 3)
    plan = plan_in_blocks(backend, 2, iterations=12, **options)
    smaller = plan_in_blocks(backend, 1, iterations=12, **options)
    monkeypatch.setattr(sys.modules["rlcore.deconvolve"], "smaller_plan", lambda *_: smaller)
    with pytest.warns(rlcore.ReplanWarning, match="going on from iteration 3 "):
        ours = restore(backend, plan, iterations=12, **options)
    assert np.abs(ours - whole).max() <= 1e-12 * whole.max()
