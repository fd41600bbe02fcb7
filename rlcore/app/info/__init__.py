"""The command `rlcore info`: everything that was understood of a file, what is odd, and what a run would take."""
