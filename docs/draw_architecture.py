"""Draw the layers of rlcore, their rooms and the imports between them, from the code: docs/images/architecture.svg.

python docs/draw_architecture.py            # draws
python docs/draw_architecture.py --check    # exits with 1 if the picture is not that of the code
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import tomllib
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs/images/architecture.svg"
WIDTH, ROW, LEFT, BOX = 1180, 76, 24, 700
"""Width of the picture, height of a layer, left margin and width of a layer's box, in pixels."""
CHARACTERS = 104
"""Characters of 11 pixels that fit into a box."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only compare the picture with the code")
    picture = drawn(layers(), imports())
    if not parser.parse_args().check:
        PICTURE.write_text(picture)
        return 0
    return 0 if PICTURE.read_text() == picture else 1


def layers() -> list[list[str]]:
    """The layers as import-linter checks them, top first; those side by side in one row."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["name"] == "layers")
    return [[name.strip().removeprefix("rlcore.") for name in row.split(":")] for row in rows]


def imports() -> Counter[tuple[str, str]]:
    """Modules of one package that import from another, counted; the backend distributions count as "backends"."""
    found: Counter[tuple[str, str]] = Counter()
    sources = [
        (path.relative_to(ROOT / "rlcore").parts[0].removesuffix(".py"), path) for path in modules(ROOT / "rlcore")
    ]
    sources += [("backends", path) for folder in (ROOT / "backends").glob("*/src") for path in modules(folder)]
    for package, path in sources:
        targets = {name for node in ast.walk(ast.parse(path.read_text())) for name in imported(node)}
        found.update((package, target) for target in targets if target != package)
    return found


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if path.parent != ROOT / "rlcore" or path.name != "__init__.py")


def imported(node: ast.AST) -> list[str]:
    """Packages of rlcore that a statement imports from."""
    if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rlcore."):
        return [node.module.split(".")[1]]
    if isinstance(node, ast.Import):
        return [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("rlcore.")]
    return []


def rooms(package: str) -> str:
    """Names of a package's modules and folders; a folder ends with a slash."""
    folder = ROOT / "rlcore" / package
    paths = sorted(path for path in folder.glob("*") if path.suffix == ".py" or (path / "__init__.py").exists())
    names = [path.stem if path.suffix == ".py" else f"{path.name}/" for path in paths if path.stem != "__init__"]
    return ", ".join(names)


def purpose(package: str) -> str:
    """First sentence of a package's docstring."""
    folder = ROOT / "rlcore" / package
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0].rstrip(".")


def drawn(rows: list[list[str]], found: Counter[tuple[str, str]]) -> str:
    places: dict[str, float] = {}
    parts: list[str] = []
    y = 20
    for row in rows:
        width = (BOX - 12 * (len(row) - 1)) / len(row)
        for number, package in enumerate(row):
            parts += box(package, LEFT + number * (width + 12), y, width)
            places[package] = y + (ROW - 14) / 2
        y += ROW
    parts += box_of_backends(y)
    places["backends"] = y + (ROW - 14) / 2
    # packages side by side share their arrows
    between: Counter[tuple[float, float]] = Counter()
    for (source, target), count in found.items():
        if source in places and target in places and places[source] != places[target]:
            between[places[source], places[target]] += count
    parts += [arrow(start, end, count, up=end < start) for (start, end), count in sorted(between.items())]
    height = y + ROW + 10
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="DejaVu Sans, Helvetica, Arial, sans-serif">\n'
        '<defs><marker id="tip" markerUnits="userSpaceOnUse" markerWidth="9" markerHeight="8" refX="6" refY="3" '
        'orient="auto"><path d="M0,0 L7,3 L0,6 z" fill="#55606e"/></marker></defs>\n'
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>\n'
    )
    return head + "\n".join(parts) + "\n</svg>\n"


def box(package: str, x: float, y: float, width: float) -> list[str]:
    limit = int(CHARACTERS * width / BOX)
    lines = wrapped(rooms(package) or "one module", limit, 2)
    return [
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{ROW - 14}" rx="6" fill="#eef3f8" stroke="#7d93ab"/>',
        text(x + 10, y + 18, package, 14, "#12304f", "bold"),
        text(x + 22 + 9 * len(package), y + 18, shortened(purpose(package), limit - 4 - len(package)), 11, "#33475b"),
        *(text(x + 10, y + 36 + 15 * n, line, 11, "#55606e") for n, line in enumerate(lines)),
    ]


def box_of_backends(y: float) -> list[str]:
    names = ", ".join(sorted(path.parent.name for path in (ROOT / "backends").glob("*/pyproject.toml")))
    return [
        f'<rect x="{LEFT}" y="{y:g}" width="{BOX}" height="{ROW - 14}" rx="6" fill="#f7f1e6" stroke="#b59a68"/>',
        text(LEFT + 10, y + 18, "backends", 14, "#5a4212", "bold"),
        text(LEFT + 106, y + 18, "Distributions of their own, found by entry points as anyone's are", 11, "#5b4a2b"),
        text(LEFT + 10, y + 36, names, 11, "#6e6250"),
    ]


def arrow(start: float, end: float, count: int, *, up: bool) -> str:
    """An arc from one layer to another on the right of the boxes, the farther apart the wider, as thick as imports."""
    x = LEFT + BOX + 2
    reach = x + 24 + 44 * abs(end - start) / ROW
    first, last = (start - 6, end + 12) if up else (start + 6, end - 8)
    middle = (first + last) / 2
    thickness = 0.8 + min(count, 60) / 20
    return (
        f'<path d="M{x},{first:g} C{reach:g},{first:g} {reach:g},{last:g} {x + 6},{last:g}" fill="none" '
        f'stroke="#55606e" stroke-opacity="0.55" stroke-width="{thickness:.2f}" marker-end="url(#tip)"/>'
        + text((x + 3 * reach) / 4, middle + 4, str(count), 10, "#55606e")
    )


def text(x: float, y: float, content: str, size: int, colour: str, weight: str = "normal") -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{colour}" font-weight="{weight}">{escape(content)}</text>'
    )


def wrapped(content: str, limit: int, most: int) -> list[str]:
    words, lines = re.split(r"(?<=,) ", content), [""]
    for word in words:
        if len(lines[-1]) + len(word) + 1 > limit:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= most else [*lines[: most - 1], shortened(" ".join(lines[most - 1 :]), limit)]


def shortened(content: str, limit: int) -> str:
    return content if len(content) <= limit else content[: max(0, limit - 1)].rstrip(", ") + "…"


if __name__ == "__main__":
    sys.exit(main())
