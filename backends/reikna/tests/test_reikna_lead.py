"""The host does not run ahead of the device: progress would be told, and an end heeded, at the wrong time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyopencl as cl
import pytest

from rlcore_reikna.lead import Lead


def test_filters_are_enqueued_ahead_until_there_are_enough(opencl):
    queue = cl.CommandQueue(opencl("reikna")._runtime.queue.context)
    gate = cl.UserEvent(queue.context)
    cl.enqueue_barrier(queue, wait_for=[gate])
    lead = Lead(queue, threading.RLock(), 2)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            pool.submit(lead.keep).result(timeout=60)
        third = pool.submit(lead.keep)
        try:
            with pytest.raises(TimeoutError):
                third.result(timeout=0.3)
        finally:
            gate.set_status(cl.command_execution_status.COMPLETE)
        third.result(timeout=60)


def test_without_a_lead_all_is_done(opencl):
    queue = cl.CommandQueue(opencl("reikna")._runtime.queue.context)
    done = cl.enqueue_marker(queue)
    Lead(queue, threading.RLock(), 0).keep()
    assert done.command_execution_status == cl.command_execution_status.COMPLETE
