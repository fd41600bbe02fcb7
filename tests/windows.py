"""Waiting for what a window does."""

import time


def until(app, ready, seconds=30):
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        app.processEvents()
        time.sleep(0.005)
