"""Types of arguments that name files: paths, or also URLs."""

from __future__ import annotations

from typing import Any

import click

from rlcore.app.files.remote.url import Location, local, location


class LocationType(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in new versions alone
    """A path, or a URL if these are allowed; a URL given as a path would lose one of its slashes.

    Parameters
    ----------
    urls : bool
        Allow URLs.
    """

    name = "path"

    def __init__(self, *, urls: bool) -> None:
        self._urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Location:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # a default, which is a path
        return location(value) if self._urls else local(value, _role(param))


def _role(param: click.Parameter | None) -> str:
    return "path" if param is None else (param.name or "path").replace("_", " ")


PATH, LOCATION = LocationType(urls=False), LocationType(urls=True)
