"""Every option of the algorithm gives in blocks what it gives on the whole volume, and survives being interrupted."""

import numpy as np
import pytest
from fixtures.bare import bare
from fixtures.every_parity import BACKENDS, PSF_SHAPE, SHAPE, plan_in_blocks, restore, sample_every

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.errors import OutOfMemory
from rlcore.planner.within_memory import PlanMaker
from rlcore.testing import no_camera

OPTIONS = {
    "heavy ball": {"acceleration": "heavy-ball"},
    "plain": {"acceleration": "none"},
    "biggs": {"acceleration": "biggs"},
    "tv": {"regularization": "tv", "tv_weight": 0.01},
    "consensus": {"regularization": "consensus"},
    "biggs and tv": {"acceleration": "biggs", "regularization": "tv"},
    "biggs and consensus": {"acceleration": "biggs", "regularization": "consensus", "seed": 3},
}


@pytest.mark.parametrize(
    ("option", "half_steps"),
    [(option, n) for option in OPTIONS for n in (1, 2, 6) if n <= 2 or not option.startswith("biggs")],
)
@pytest.mark.parametrize(("backend", "bound"), [("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)])
def test_blocks_equal_the_whole(option, half_steps, backend, bound):
    backend, options = BACKENDS[backend], OPTIONS[option]
    plan = plan_in_blocks(backend, half_steps, iterations=30, **options)
    assert len(plan.tiling()) == 6
    whole = restore(backend, **options)
    assert np.abs(restore(backend, plan, **options) - whole).max() <= bound * whole.max()


@pytest.mark.parametrize(("backend", "bound"), [("double", 1e-12), ("numpy", 2e-5), ("pyfftw", 2e-5)])
@pytest.mark.parametrize("half_steps", [1, 2])
def test_momentum_from_sampled_planes_is_the_same_in_blocks(half_steps, backend, bound, monkeypatch):
    """On average it is the momentum from all planes."""
    backend, options = BACKENDS[backend], OPTIONS["biggs"]
    _, every = restore(backend, return_info=True, **options)
    sample_every(3, monkeypatch)
    whole, some = restore(backend, return_info=True, **options)
    assert some.share < 0.5
    assert some.factors != every.factors
    assert abs(np.mean(some.factors) - np.mean(every.factors)) <= 0.05
    plan = plan_in_blocks(backend, half_steps, iterations=30, **options)
    assert np.abs(restore(backend, plan, **options) - whole).max() <= bound * whole.max()


@pytest.mark.filterwarnings("ignore::rlcore.algorithm.host_fallback.HostFallbackWarning")
@pytest.mark.parametrize("option", ["biggs", "biggs and tv", "biggs and consensus"])
def test_a_backend_of_basic_operations_has_the_same_momentum(option, monkeypatch):
    """Its planes are brought to the host, and compared there."""
    sample_every(3, monkeypatch)
    ours, info = restore(BACKENDS["double"], return_info=True, **OPTIONS[option])
    theirs, told = restore(bare(BACKENDS["double"]), return_info=True, **OPTIONS[option])
    np.testing.assert_allclose(told.factors, info.factors, rtol=1e-9)
    assert np.abs(ours - theirs).max() <= 1e-12 * ours.max()


@pytest.mark.parametrize("option", ["heavy ball", "biggs", "biggs and tv", "biggs and consensus"])
@pytest.mark.parametrize("boundary", rlcore.BOUNDARIES)
@pytest.mark.parametrize("placement", ["device", "host", "scratch"])
def test_wherever_volumes_live_and_whatever_lies_outside(option, boundary, placement, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sample_every(3, monkeypatch)
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
        sample_every(3, monkeypatch)
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
    plan = no_camera.make_plan(SHAPE, PSF_SHAPE, iterations=30, backend="numpy", **other)
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
    monkeypatch.setattr(PlanMaker, "smaller", lambda *_: smaller)
    with pytest.warns(rlcore.ReplanWarning, match="going on from iteration 3 "):
        ours = restore(backend, plan, iterations=12, **options)
    assert np.abs(ours - whole).max() <= 1e-12 * whole.max()
