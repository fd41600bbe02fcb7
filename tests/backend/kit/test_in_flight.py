"""The host does not run ahead of the device: progress would be told, and an end heeded, at the wrong time."""

import pytest

from rlcore.backend.kit.in_flight import InFlightLimit


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_device_has_no_more_to_do_than_that(most):
    given, done = [], []

    def mark():
        number = len(given)
        given.append(number)
        return lambda: done.append(number)

    limit = InFlightLimit(mark, most)
    for filters in range(1, 9):
        limit.count()
        assert given == list(range(filters))
        assert done == given[: max(0, filters - most)]
