"""Settings of hypothesis for all tests of this repository: reproducible in CI, thorough at night."""

import os

from hypothesis import settings

# a shared machine may stall for longer than any deadline, and a run that fails once has to fail again
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("night", deadline=None, max_examples=1000, print_blob=True)
settings.register_profile("default", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "default"))
