"""The benchmark's time: what is given out, who gets how much of it, and what a slow contestant still has to show."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlcore.app.bench import table
from rlcore.app.bench.contestants import Contestant
from rlcore.app.bench.match import Match
from rlcore.app.bench.problems import Problem
from rlcore.app.bench.process import Settings
from rlcore.app.bench.schedule import TRIAL, TrialTimes, by_difference, shares, time_for_first, turns_within

SECONDS = st.floats(0, 1000)
TRIAL_TIMES = st.builds(TrialTimes, st.floats(0, 20), st.floats(0.01, 100), st.floats(0.001, 50), st.booleans())


@given(st.lists(SECONDS, min_size=1, max_size=9), SECONDS)
def test_no_more_is_given_out_than_there_is_and_no_one_gets_more_than_it_wants(wanted, seconds):
    given_out = shares(wanted, seconds)
    assert sum(given_out) <= seconds * (1 + 1e-9)
    assert all(0 <= got <= want for got, want in zip(given_out, wanted, strict=True))
    assert sum(given_out) == pytest.approx(min(seconds, sum(wanted)))


@given(st.lists(SECONDS, min_size=2, max_size=9), SECONDS)
def test_whoever_gets_less_than_it_wants_gets_no_less_than_anybody_else(wanted, seconds):
    given_out = shares(wanted, seconds)
    for want, got in zip(wanted, given_out, strict=True):
        assert got >= min(want, max(given_out)) * (1 - 1e-9) - 1e-12


@given(TRIAL_TIMES, SECONDS, st.integers(TRIAL, 100))
def test_iterations_that_fit_do_so_and_one_more_would_not(trial_times, seconds, most):
    cycles = 0 if trial_times.self_timed else 1
    found = trial_times.fitting(seconds, most)
    assert TRIAL <= found <= most
    if found > TRIAL:
        assert trial_times.turn(found, cycles) <= seconds * (1 + 1e-6) + 1e-6
    if found < most and trial_times.call > trial_times.iteration * TRIAL:
        assert trial_times.turn(found + 1, cycles) >= seconds * (1 - 1e-6) - 1e-6


@given(st.floats(0.001, 100), st.floats(0.001, 100), st.integers(1, 100))
def test_an_iteration_takes_a_positive_time_and_no_more_than_its_call(call, one, iterations):
    if iterations == 1:
        one = call
    assert 0 < by_difference(call, one, iterations) <= call


@given(TRIAL_TIMES, SECONDS, st.integers(1, 5))
def test_turns_that_are_promised_fit(trial_times, share, turns):
    found = turns_within(share, trial_times, 10, turns)
    assert 0 <= found <= turns
    assert found * trial_times.turn(10, 1) <= share + 1e-6


class Simulated:
    """Processes that take the time they are given, on a clock of their own."""

    def __init__(self, clock, minutes, speeds, folder, compiling=0.0):
        self.settings = Settings(iterations=10, boundary="extended", rounds=3, cycles=2, minutes=minutes)
        self._clock, self._times, self.folder = clock, speeds, folder
        self._compiling = compiling  # seconds in a contestant's first process, as on a card with empty caches
        self.asked = []

    def measure(self, contestant, problem, asked):
        trial_times, iterations = self._times[contestant.name], asked.iterations
        compiling = self._compiling if asked.trial else 0.0
        call = trial_times.call + (iterations - TRIAL) * trial_times.iteration
        each = trial_times.iteration + compiling / TRIAL if trial_times.self_timed else None
        again = call if asked.trial and compiling else None
        one = trial_times.call - trial_times.iteration if asked.trial and not trial_times.self_timed else None
        spent, warm = trial_times.start + compiling + call + (again or 0) + (one or 0), 0
        while warm < asked.cycles and spent + call + trial_times.iteration <= asked.seconds:
            warm, spent = warm + 1, spent + call + trial_times.iteration
        self._clock[0] += spent
        self.asked.append((contestant.name, iterations, asked.trial))
        answer = {"facts": {"padded": [8, 8, 8], "boundary": "zero", "device": "CPU", "blocks": 1}, "planning": None}
        first = compiling + call
        measured = {
            "cold": trial_times.start + first,
            "call": first,
            "peak": 1,
            "first": each,
            "self_timed": trial_times.self_timed,
        }
        trial = {"again": again, "one": one, "each": trial_times.iteration if trial_times.self_timed else None}
        cycles = {
            "warm": [call] * warm,
            "iteration": [trial_times.iteration] * warm,
            "floor": [trial_times.iteration] * warm,
        }
        return {**answer, **measured, **cycles, **trial, "wall": spent}


@pytest.fixture
def simulate(monkeypatch, tmp_path):
    """Rows, what was asked, and the seconds gone, of a match between contestants of known speed."""

    def run(minutes, *, compiling=0.0, **speeds):
        clock = [0.0]
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        processes = Simulated(clock, minutes, speeds, tmp_path, compiling)
        problem = Problem("p", (8, 8, 8), (3, 3, 3), "", "", "")
        contestants = [Contestant(name, ours=False) for name in speeds]
        made = Match(problem, contestants, processes, 60 * minutes, lambda line: None).run(reference=False)
        return {row["name"]: row for row in made["rows"]}, processes.asked, clock[0]

    return run


QUICK = TrialTimes(start=1.0, call=1.0, iteration=0.2, self_timed=True)


def test_with_time_enough_all_have_every_turn_and_take_turns(simulate):
    rows, asked, _ = simulate(9, a=QUICK, b=QUICK)
    assert [len(row["cold"]) for row in rows.values()] == [3, 3]
    assert [len(row["warm"]) for row in rows.values()] == [6, 6]
    assert [name for name, _, trial in asked if not trial] == ["a", "b", "a", "b", "a", "b"]


def test_the_slow_get_fewer_iterations_and_the_quick_lose_nothing_by_it(simulate):
    rows, asked, gone = simulate(
        3, quick=QUICK, slow=TrialTimes(start=20.0, call=40.0, iteration=20.0, self_timed=True)
    )
    assert gone <= 180
    assert len(rows["quick"]["warm"]) == 6
    slow = rows["slow"]
    assert TRIAL < slow["iterations"] < 10
    assert slow["figures"]["iteration"] == 20
    assert asked[-1] == ("slow", slow["iterations"], False)
    shown = table.cells(slow, rows["quick"], 10)
    assert shown["calls"] == f"1 + 0 ({slow['iterations']} of 10 it)"
    assert shown["speed-up"] == "0.01 (it)"


def test_where_there_is_time_for_a_trial_only_that_is_the_row(simulate):
    rows, _, gone = simulate(2, slow=TrialTimes(start=10.0, call=70.0, iteration=35.0, self_timed=True), quick=QUICK)
    assert gone <= 120
    assert rows["slow"]["iterations"] == TRIAL
    assert rows["slow"]["cold"] == [80.0]
    assert rows["slow"]["figures"]["iteration"] == 35
    assert len(rows["quick"]["cold"]) >= 1


@pytest.mark.parametrize("self_timed", [True, False])
def test_what_a_first_call_compiles_does_not_take_turns_from_anybody(simulate, self_timed):
    trial_times = TrialTimes(start=2.0, call=0.5, iteration=0.2, self_timed=self_timed)
    rows, _, _ = simulate(2, compiling=6.0, a=trial_times, b=trial_times)
    assert [len(row["warm"]) for row in rows.values()] == [6, 6]
    assert rows["a"]["trial"]["iteration"] == pytest.approx(0.2)


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=5), st.integers(1, 9), st.floats(1, 3600))
def test_a_small_problem_gets_enough_to_start_everyone_and_no_more_than_is_fair(voxels, participants, seconds):
    got = time_for_first(sorted(voxels), participants, seconds)
    assert min(12.0 * participants, seconds / len(voxels)) * (1 - 1e-9) <= got <= seconds * (1 + 1e-9)
    assert time_for_first(voxels[:1], participants, seconds) == pytest.approx(seconds)


@given(
    st.lists(
        st.builds(TrialTimes, st.floats(0, 5), st.floats(0.1, 20), st.floats(0.01, 20), st.booleans()), max_size=6
    ),
    st.floats(2, 20),
)
def test_a_match_ends_about_when_its_time_is_over(speeds, minutes):
    speeds = [replace(trial_times, call=max(trial_times.call, 2 * trial_times.iteration)) for trial_times in speeds]
    with pytest.MonkeyPatch.context() as patch:
        clock = [0.0]
        patch.setattr(time, "monotonic", lambda: clock[0])
        processes = Simulated(clock, minutes, {str(i): trial_times for i, trial_times in enumerate(speeds)}, None)
        contestants = [Contestant(str(i), ours=False) for i in range(len(speeds))]
        problem = Problem("p", (8, 8, 8), (3, 3, 3), "", "", "")
        made = Match(problem, contestants, processes, 60 * minutes, lambda line: None).run(reference=False)
    longest_trial = max((trial_times.start + 2 * trial_times.call for trial_times in speeds), default=0)
    assert clock[0] <= 60 * minutes + longest_trial + 1e-6
    assert all(row["failure"] or row["figures"]["iteration"] for row in made["rows"])
