"""The command `rlcore clean`: removes what killed runs left in a folder."""

from __future__ import annotations

from pathlib import Path

from rlcore.app.files.writing.left_overs import discard, locks, reason_to_keep, remove_unfinished, work_folders
from rlcore.app.files.writing.lock import remove_lock
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.writing.run_state import readable_lasts
from rlcore.errors import InputError


def clean(folder: Path, *, dry_run: bool = False, force: bool = False) -> list[str]:
    """Removes the work folders, locks and last states of ended runs in a folder, and returns a line about each.

    Parameters
    ----------
    folder : Path
        Folder of outputs; those inside it are left alone.
    dry_run : bool
        Remove nothing.
    force : bool
        Count runs on other hosts as ended, and remove complete results and finished volumes too.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    if not folder.is_dir():
        raise InputError(f"folder {str(folder)!r} does not exist; name the one of the outputs")
    try:
        # what an ended run left of an output may be taken over by the run that writes it now
        busy = {owner.output for _, owner in locks(folder) if owner is not None and owner.runs}
        lines = [
            *(_clean_folder(path, owner, busy, dry_run, force) for path, owner in work_folders(folder)),
            *(_clean_lock(path, owner, dry_run, force) for path, owner in locks(folder)),
            *(_clean_last(path, dry_run) for path in readable_lasts(folder)),
        ]
    except OSError as error:
        raise InputError(f"folder {str(folder)!r} cannot be cleaned: {error.strerror or error}") from error
    return lines or [f"nothing of killed runs is in {str(folder)!r}"]


def _clean_folder(path: Path, owner: Owner | None, busy: set[str], dry_run: bool, force: bool) -> str:
    if owner is None:
        if remove_unfinished(path, dry_run=dry_run):
            return _removed(path, "a work folder that was never finished", dry_run)
        return f"kept {str(path)!r}: it does not say whose it is"
    reason = reason_to_keep(path, owner, force=force)
    if reason is None and owner.output in busy:
        reason = "another run writes this output"
    if reason is not None:
        return f"kept {str(path)!r}, of output {owner.output!r}: {reason}"
    if not dry_run and not discard(path, owner):
        return f"kept {str(path)!r}: it holds something that no run has made"
    return _removed(path, f"of output {owner.output!r}", dry_run)


def _clean_lock(path: Path, owner: Owner | None, dry_run: bool, force: bool) -> str:
    if owner is None:
        return f"kept {str(path)!r}: it does not say whose it is"
    if owner.runs or not (owner.gone or force):
        return f"kept {str(path)!r}: it is of {owner}"
    if not dry_run:
        remove_lock(path, owner)
    return _removed(path, f"the lock of output {owner.output!r}", dry_run)


def _clean_last(path: Path, dry_run: bool) -> str:
    if not dry_run:
        path.unlink(missing_ok=True)
    return _removed(path, "the last state of a run that is complete", dry_run)


def _removed(path: Path, what: str, dry_run: bool) -> str:
    return f"{'would remove' if dry_run else 'removed'} {str(path)!r}, {what}"
