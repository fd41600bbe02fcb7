"""Damage to files: bits flipped, ends cut off, text of metadata edited, chunks deleted."""

import json
import os
import re


def flip(rng, content):
    """Flips one to three bits, in the first bytes more often than elsewhere: most of what matters is there."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        limit = len(changed) if rng.integers(2) else min(len(changed), 512)
        changed[rng.integers(limit)] ^= 1 << rng.integers(8)
    return bytes(changed)


def cut(rng, content):
    """Cuts off an end, of a few bytes or of any length."""
    keep = rng.integers(len(content)) if rng.integers(2) else max(0, len(content) - rng.integers(1, 400))
    return content[:keep]


def edit(rng, content):
    """Replaces a number in text by another that has as many characters."""
    found = list(re.finditer(rb'(?<=["=:, \[(])\d+(?=[",\s\])])', content))
    if not found:
        return flip(rng, content)
    match = found[rng.integers(len(found))]
    other = [b"9", b"0", b"1", b"7"][rng.integers(4)] * len(match[0])
    return content[: match.start()] + other + content[match.end() :]


def garble(rng, content):
    """Overwrites a stretch by random bytes."""
    start = rng.integers(len(content))
    return content[:start] + rng.bytes(rng.integers(1, 64)) + content[start + rng.integers(1, 64) :]


WAYS = (flip, cut, edit, garble)


def damage_file(rng, path):
    """Damages a file in one way, and says which."""
    way = WAYS[rng.integers(len(WAYS))]
    path.write_bytes(way(rng, path.read_bytes()))
    return way.__name__


_VALUES = (-1, 0, 1, 1e300, 1 << 62, "", "x", None, [], {}, [[1]], True, "../..", "\x00")


def damage_zarr(rng, folder):
    """Damages one of a Zarr's files, edits its metadata, or deletes, empties or blocks a chunk."""
    chunks = sorted(path for path in (folder / "0" / "c").rglob("*") if path.is_file())
    chosen = chunks[rng.integers(len(chunks))]
    kind = rng.integers(5)
    if kind == 0:
        chosen.unlink()
        return "a chunk deleted"
    if kind == 1:
        chosen.unlink()
        os.mkfifo(chosen)
        return "a pipe for a chunk"
    if kind == 2:
        return "chunk: " + damage_file(rng, chosen)
    metadata = [folder / "zarr.json", folder / "0" / "zarr.json"][rng.integers(2)]
    if kind == 3:
        return f"{metadata.parent.name}/zarr.json: {damage_file(rng, metadata)}"
    said = json.loads(metadata.read_text())
    where, key = _anywhere(rng, said)
    where[key] = _VALUES[rng.integers(len(_VALUES))]
    metadata.write_text(json.dumps(said))
    return f"{metadata.parent.name}/zarr.json: {key!r} is {where[key]!r}"


def _anywhere(rng, tree):
    """Returns a container within JSON, and one of its keys."""
    places, waiting = [], [tree]
    while waiting:
        here = waiting.pop()
        for key, value in here.items() if isinstance(here, dict) else enumerate(here):
            places.append((here, key))
            if isinstance(value, dict | list):
                waiting.append(value)
    return places[rng.integers(len(places))]
