"""How a case fails, and how a command is refused."""


class Failure(Exception):
    """A case that ended as none may."""


def refused(ended, called):
    """Returns whether a command was refused in one sentence; raises Failure if it ended neither so nor in success."""
    if ended.code == 0:
        return False
    last = (ended.error.strip().splitlines() or [""])[-1]
    if ended.code not in (1, 2) or "Traceback" in ended.error or not last.startswith("error: "):
        raise Failure(f"{called}: exit {ended.code}: {ended.error[-3000:]}")
    return True
