"""The conformance kit fails wrong backends, and only in the tests that concern what is wrong."""

import pytest

from rlcore.testing.verdict import examine
from tests.testing.doubles import Bare, Full
from tests.testing.mutants import BLOCKS, MUTANTS, TRUTH

SLOW = {
    "truth": {f"test_{TRUTH}"},
    "blocks": {f"test_{BLOCKS}"},
    "memory": {"test_the_measured_peak_stays_below_the_footprint", "test_a_hundred_calls_leave_memory_as_it_was"},
    "threads": {"test_threads_do_not_disturb_each_other"},
}
"""Groups that take long; they run only on mutants that one of their tests has to fail on."""


@pytest.mark.parametrize("double", [Bare, Full])
def test_what_is_right_passes(double):
    verdict = examine(double())
    assert not verdict.failed
    assert str(verdict).startswith(f"Backend `{double().name}` on {double().device} passes all ")


@pytest.mark.parametrize(("mutant", "expected", "exactly"), MUTANTS, ids=[mutant.__name__ for mutant, *_ in MUTANTS])
def test_what_is_wrong_fails_where_it_is_wrong(mutant, expected, exactly):
    without = [group for group, tests in SLOW.items() if not tests & expected]
    verdict = examine(mutant(), without=without)
    failed = {outcome.test.partition("[")[0] for outcome in verdict.failed}
    assert failed == expected if exactly else failed >= expected
    assert all(outcome.meaning and outcome.detail for outcome in verdict.failed)


def test_every_standard_test_has_a_mutant_that_fails_it():
    outcomes = examine(Full()).outcomes
    standard = {outcome.test.partition("[")[0] for outcome in outcomes} - {"test_overrides_are_explained"}
    assert standard == frozenset().union(*(expected for _, expected, _ in MUTANTS)) & standard
    assert not frozenset().union(*(expected for _, expected, _ in MUTANTS)) - standard
