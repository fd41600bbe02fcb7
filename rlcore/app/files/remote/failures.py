"""Failures of the network and of servers, each as a part of a sentence that says what can be done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rlcore.app.files.remote.url import Url
from rlcore.errors import RLCoreError


@contextmanager
def asking(url: Url, *passed: type[BaseException]) -> Iterator[None]:
    """Raises ConnectionError, in a part of a sentence, for errors of the network; FileNotFoundError stays."""
    try:
        yield
    except (RLCoreError, ConnectionError):
        raise
    except FileNotFoundError as error:
        # a bucket that is gone has every object missing, which a Zarr would take for its fill value
        if "NoSuchBucket" in str(error):
            raise ConnectionError(reason_of_failure(error, url)) from error
        raise
    except Exception as error:
        if isinstance(error, passed):
            raise
        # errors of the library have no class of their own that callers could name without importing it
        if not type(error).__module__.startswith(("obstore", "builtins")):
            raise
        raise ConnectionError(reason_of_failure(error, url)) from error


def reason_of_failure(error: BaseException, url: Url) -> str:
    """Returns what failed and what can be done about it, as a part of a sentence."""
    text = str(error)
    status = re.search(r"status code: (\d{3}[A-Za-z ]*)", text)
    said = f" ({status[1].strip()})" if status else ""
    if "NoSuchBucket" in text:
        return f"there is no bucket {url.place!r}{said}"
    if re.search("PermanentRedirect|AuthorizationHeaderMalformed|configured region|IllegalLocation", text):
        return f"bucket {url.place!r} is in another region{said}; set AWS_REGION to its own"
    if "AccessDenied" in text or (status and status[1][:3] in ("401", "403")):
        return f"access is denied{said}, {_remedy(url.kind)}"
    if re.search("range.*not supported|not supported.*range", text, re.IGNORECASE | re.DOTALL):
        return "the server gives no parts of files; download the archive first"
    if "dns error" in text:
        return "its host is not known; check the URL, the endpoint and the network"
    if "Connection refused" in text:
        return "its host refuses connections; check the URL, the endpoint and the network"
    if re.search("timed out|TimedOut|operation timed", text):
        return f"no answer came in time{said}; try again"
    if status:
        return f"the server failed{said}; try again"
    return f"{text.splitlines()[0][:200] if text else type(error).__name__}; try again"


def _remedy(kind: str) -> str:
    known = {"s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", "gs": "GOOGLE_APPLICATION_CREDENTIALS"}
    if kind in known:
        return f"or the object does not exist and may not be listed; check the URL, and set {known[kind]}"
    return "and rlcore cannot log in to web servers; download the image first"
