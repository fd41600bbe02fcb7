"""The option --report of `rlcore deconvolve`: one file that compares image and result."""

from rlcore.app.before_after.write import check_report, write_report

__all__ = ["check_report", "write_report"]
