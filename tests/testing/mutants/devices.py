"""Backends that accept or list devices that they do not have."""

from dataclasses import replace

from rlcore.backend import Device
from tests.testing.doubles import LIMIT, Full, check_device
from tests.testing.mutants.marks import fails


@fails("an_unknown_device_is_refused_by_name")
class TakesAnyDevice(Full):
    def __init__(self, device=None):
        super().__init__()


@fails("an_unknown_device_is_refused_by_name")
class RefusesByAnotherError(Full):
    def __init__(self, device=None):
        if device not in (None, 0, "0", "CPU"):
            raise ValueError(device)
        super().__init__()


@fails("an_unknown_device_is_refused_by_name")
class RefusesWithoutItsName(Full):
    def __init__(self, device=None):
        check_device("another", device)
        super().__init__()


@fails("an_array_as_large_as_the_limit_can_be_made")
class BufferLimitLies(Full):
    def __init__(self, device=None):
        super().__init__(device)
        self.facts = replace(self.facts, buffer_limit=2 * LIMIT)


@fails("devices_are_numbered_and_can_be_chosen")
class ListsADeviceThatCannotBeChosen(Full):
    @classmethod
    def devices(cls):
        return (*super().devices(), Device(1, "a second CPU"))
