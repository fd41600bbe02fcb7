"""Fuzzing: damaged files, random options and hostile plugins, seeded and bounded in time; run by `nox -s fuzz`.

Every case is a number: `python -m fuzz --only KIND:SEED` runs one again. A case fails if the program ends with a
traceback, or in success with a wrong result, changes an input, or takes longer than its limit.
"""
