"""Fuzzing: damaged files and checkpoints, kills, random options and hostile plugins; run by `nox -s fuzz`.

Cases are seeded, and begin until a time is up. Every case is a number: `python -m fuzz --only KIND:SEED` runs one
again. A case fails if the program ends with a traceback, or in success with a wrong result, changes an input, does not
go on after a kill, or takes longer than its limit.
"""
