"""`rlcore deconvolve --report`: one file that shows what a run has gained."""

from rlcore.app.before_after.write import check_report, write_report

__all__ = ["check_report", "write_report"]
