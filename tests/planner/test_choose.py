"""The planner: pure, within every budget, and as cheap as it can."""

import math
import re
from collections import Counter
from dataclasses import replace

import pytest
from fixtures.doubles import LimitedBackend, PowersOfTwo
from fixtures.examples import examples
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.algorithm.boundary import Geometry
from rlcore.backend import Facts
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.planner import Budgets, Job, choose_plan
from rlcore.planner.budget import Budget
from rlcore.planner.requirements import cost_of_whole, cost_unit, relative_move_cost
from rlcore.planner.tilings import Tiling
from rlcore.testing import no_camera

MIB = 1 << 20
ASKED = "asked for by the caller"


def job_of(shape, psf_shape, iterations=20, boundary="extended", **options):
    centre = tuple(p // 2 for p in psf_shape)
    return Job(Geometry(shape, psf_shape, centre, boundary).trimmed(), iterations, **options)


def budgets(size):
    budget = Budget(size, ASKED)
    return Budgets(budget, budget, Budget(1 << 62, "disk"))


@st.composite
def jobs(draw):
    ndim = draw(st.integers(2, 3))
    return job_of(
        draw(st.tuples(*[st.integers(1, 600)] * ndim)),
        draw(st.tuples(*[st.integers(1, 40)] * ndim)),
        draw(st.integers(1, 30)),
        draw(st.sampled_from(rlcore.BOUNDARIES)),
        result_in_memory=draw(st.booleans()),
        lazy_image=draw(st.booleans()),
        checkpoint=draw(st.booleans()),
    )


def least_that_would_do(error):
    return int(re.search(r"the smallest that would do is (\d+) MiB$", str(error))[1]) * MIB


@examples(150)
@given(job=jobs(), mib=st.integers(1, 4000))
def test_a_plan_fits_and_covers_the_volume_or_the_least_that_would_do_is_named_and_does(job, mib):
    backend = NumPyBackend()
    try:
        plan = choose_plan(job, backend, budgets(mib * MIB))
    except rlcore.BudgetError as error:
        least = least_that_would_do(error)
        assert least > mib * MIB
        plan = choose_plan(job, backend, budgets(least))
        assert plan.memory_bytes > least - 2 * MIB
        with pytest.raises(rlcore.BudgetError):
            choose_plan(job, backend, budgets(least - 2 * MIB))
    else:
        assert plan.memory_bytes <= mib * MIB
    assert plan == choose_plan(job, backend, plan_budgets(plan))
    assert_exact(plan)


def plan_budgets(plan):
    return Budgets(plan.device_budget, plan.host_budget, Budget(1 << 62, "disk"))


def assert_exact(plan):
    """What the blocks keep tiles the domain, and each reads as far around as its half-steps reach."""
    domain, before, after = plan.geometry.domain, *plan.geometry.reach
    cut = plan.tiling()
    assert cut.domain == domain
    for axis, (n, keep, block, halo) in enumerate(
        zip(domain.shape, plan.core_shape, plan.block_shape, plan.halo, strict=True)
    ):
        if keep >= n:
            assert block >= plan.geometry.minimum_shape[axis]
            continue
        reach = before[axis] + after[axis]
        steps = plan.half_steps
        if steps == 1:
            assert block >= keep + reach
        else:
            assert halo >= steps // 2 * reach
            assert block >= keep + 2 * halo


def test_the_whole_volume_where_it_fits():
    job = job_of((64, 256, 256), (15, 15, 15))
    plan = choose_plan(job, NumPyBackend(), budgets(1 << 30))
    assert plan.is_whole
    assert len(plan.tiling()) == 1
    assert plan.overhead == pytest.approx(0)
    small = choose_plan(job, NumPyBackend(), budgets(plan.memory_bytes - 1))
    assert not small.is_whole
    assert small.overhead > 0


def test_memory_that_is_there_is_used():
    """Blocks of a tenth of the memory would cost more than needed."""
    job = job_of((512, 512, 512), (31, 31, 31), result_in_memory=False)
    for size in (1 << 30, 500 << 20, 250 << 20):
        plan = choose_plan(job, NumPyBackend(), budgets(size))
        assert not plan.is_whole
        assert plan.memory_bytes >= 0.3 * size
    costs = [choose_plan(job, NumPyBackend(), budgets(size * MIB)).overhead for size in (200, 400, 800, 1600)]
    assert costs == sorted(costs, reverse=True)


def test_no_allocation_is_larger_than_the_device_allows():
    job = job_of((128, 256, 256), (15, 15, 15))
    limit = 20 * MIB
    plan = choose_plan(job, LimitedBackend(limit), budgets(1 << 40))
    footprint = NumPyBackend().footprint(plan.block_shape)
    assert not plan.is_whole
    assert max(footprint.real, footprint.spectrum) <= limit
    if plan.placement == "device":
        assert plan.geometry.domain.size * 4 <= limit
    assert choose_plan(job, LimitedBackend(1 << 40), budgets(1 << 40)).is_whole


@pytest.mark.parametrize("mib", [60, 150, 400, 1000])
def test_a_backend_that_is_slow_off_powers_of_two_gets_powers_of_two(mib):
    job = job_of((100, 300, 300), (9, 9, 9))
    plan = choose_plan(job, PowersOfTwo(), budgets(mib * MIB))
    assert all(n & (n - 1) == 0 for n in plan.block_shape)


def test_a_device_too_small_and_a_host_too_small_are_told_apart():
    job = job_of((128, 256, 256), (15, 15, 15))
    device = LimitedBackend(1 << 40)
    tiny, plenty = Budget(5 * MIB, "the card"), Budget(1 << 40, "the machine")
    with pytest.raises(rlcore.BudgetError, match=r"memory 5.0 MiB \(the card\) is too little") as error:
        choose_plan(job, device, Budgets(tiny, plenty, plenty))
    choose_plan(job, device, Budgets(Budget(least_that_would_do(error.value), "more"), plenty, plenty))
    with pytest.raises(rlcore.BudgetError, match=r"memory 5.0 MiB \(the card\) is too little") as error:
        choose_plan(job, device, Budgets(plenty, tiny, plenty))
    choose_plan(job, device, Budgets(plenty, Budget(least_that_would_do(error.value), "more"), plenty))


def test_without_room_for_files_a_plan_that_needs_them_is_refused_for_the_disk():
    job = job_of((64, 64, 64), (9, 9, 9), checkpoint=True)
    plenty = Budget(1 << 40, "the machine")
    with pytest.raises(rlcore.BudgetError, match="disk space is too little for the working volumes"):
        choose_plan(job, NumPyBackend(), Budgets(plenty, plenty, Budget(1000, "disk")))


class Asked(NumPyBackend):
    """Counts what a planner asks it."""

    def __init__(self):
        super().__init__()
        self.times = Counter()

    def cost(self, shape):
        self.times["cost"] += 1
        return super().cost(shape)

    def footprint(self, shape):
        self.times["footprint"] += 1
        return super().footprint(shape)

    def fast_shape(self, shape):
        self.times["fast_shape"] += 1
        return super().fast_shape(shape)


def test_a_huge_volume_is_planned_by_few_questions_and_no_list_of_its_blocks_is_made(monkeypatch):
    def listed(cut):
        raise AssertionError("blocks are listed")

    monkeypatch.setattr(Tiling, "__iter__", listed)
    backend = Asked()
    plan = no_camera.make_plan((10_000, 100_000, 100_000), (61, 127, 127), backend=backend, memory="16 GiB")
    # by a few candidates of each interval, and by the lengths of blocks, which grow in proportion along each axis
    assert backend.times["cost"] < 200
    assert backend.times["footprint"] < 80
    assert backend.times["fast_shape"] < 3500
    assert plan.memory_bytes <= 16 << 30
    assert len(plan.tiling()) > 1000
    assert plan.placement == "scratch"
    assert plan.scratch_bytes > 4 * 10**14
    assert "blocks" in str(plan)


def test_planning_runs_nothing():
    def ran(*_, **__):
        raise AssertionError("an operation ran")

    operations = {"upload", "download", "fft", "ifft", "multiply", "add", "divide", "clamp", "flip", "free_bytes"}
    operations |= {"full", "cut", "paste", "read", "write"}
    idle = type("Idle", (NumPyBackend,), dict.fromkeys(operations, ran))()
    assert not choose_plan(job_of((64, 100, 100), (9, 9, 9)), idle, budgets(40 * MIB)).is_whole


def test_independent_blocks_need_less_halo_and_say_the_bound():
    job = job_of((60, 400, 400), (9, 25, 25), iterations=30)
    exact = choose_plan(job, NumPyBackend(), budgets(80 * MIB))
    loose = choose_plan(job, NumPyBackend(), budgets(80 * MIB), tolerance=1e-3)
    assert exact.tolerance is None
    assert loose.tolerance == 1e-3
    assert loose.half_steps == 2 * 30
    assert all(h in (0, min(n, 2 * p)) for h, p, n in zip(loose.halo, (9, 25, 25), (60, 400, 400), strict=True))
    assert "errors below 0.001 of the maximum" in str(loose)
    assert "of the maximum" not in str(exact)


class OnACard(PowersOfTwo):
    """Powers of two, by a device with memory of its own that takes as long for a start as for 10 million voxels."""

    def __init__(self):
        super().__init__()
        self.facts = Facts(on_host=False)

    def cost(self, shape):
        return super().cost(shape) + super().cost((512, 512, 512)) * 1e7 / 512**3


def test_blocks_of_powers_of_two_are_taken_where_they_cost_less_than_one_padded_whole():
    """A plane of 1024 with the reach of the PSF would pay for 2048 each way."""
    plan = choose_plan(job_of((64, 1024, 1024), (32, 32, 32), 10), OnACard(), budgets(1 << 40))
    blocks = plan.tiling().counts
    assert plan.placement == "device"
    assert all(n & (n - 1) == 0 for n in plan.block_shape)
    assert math.prod(blocks) * math.prod(plan.block_shape) < 0.7 * 128 * 2048 * 2048
    assert plan.overhead < -0.2


def test_a_whole_volume_has_to_be_brought_to_a_card_too():
    """What blocks take is told against a call, not against its transforms."""
    backend, job = OnACard(), job_of((64, 200, 300), (9, 21, 21), 10)
    whole = choose_plan(job, backend, budgets(1 << 40))
    assert whole.overhead == pytest.approx(0)
    blocks = choose_plan(job, backend, replace(budgets(1 << 40), device=Budget(60 * MIB, "asked for")))
    assert blocks.placement == "host"
    transforms = 4 * job.iterations * backend.cost(whole.block_shape)
    moved = 2 * math.prod(job.geometry.image_shape) * relative_move_cost("host", backend) * cost_unit(backend)
    assert cost_of_whole(job.geometry, job.iterations, backend) == pytest.approx(transforms + moved)
    assert blocks.overhead > 0


@pytest.mark.parametrize("backend", [NumPyBackend(), OnACard()], ids=["host", "card"])
@pytest.mark.parametrize("iterations", [1, 3, 20, 60])
@pytest.mark.parametrize("mib", [100, 1000, 4000])
def test_what_is_not_looked_at_would_not_have_been_cheaper(monkeypatch, backend, iterations, mib):
    job = job_of((64, 200, 300), (9, 21, 21), iterations)
    chosen = choose_plan(job, backend, budgets(mib * MIB))
    monkeypatch.setattr("rlcore.planner.choose.minimum_cost", lambda *_: -1.0)
    assert choose_plan(job, backend, budgets(mib * MIB)).overhead == pytest.approx(chosen.overhead)
