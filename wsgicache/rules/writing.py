"""Values to text: how what is said is written in fields (RFC 9111 §5.2, RFC 9213, RFC 9651)."""

from __future__ import annotations

import re

from wsgicache.rules.fields import TOKEN, Directives, delta_seconds

_IS_TOKEN = re.compile(TOKEN)


def written(directives: Directives) -> str:
    """*directives* as a Cache-Control field value (§5.2)."""
    return ", ".join(
        name if argument is None else f"{name}={_argument(name, argument)}"
        for name, argument in directives.items()
    )


def _argument(name: str, argument: str) -> str:
    # private and no-cache name fields in a quoted string only (§5.2.2.4, §5.2.2.7).
    if name in ("private", "no-cache") or _IS_TOKEN.fullmatch(argument) is None:
        return string(argument)
    return argument


def dictionary(directives: Directives) -> str:
    """*directives* as a targeted field value, a Dictionary (RFC 9213 §2.1)."""
    return ", ".join(
        name
        if argument is None
        else f"{name}={argument if delta_seconds(argument) is not None else string(argument)}"
        for name, argument in directives.items()
    )


def string(text: str) -> str:
    """*text* as a String of structured fields, and as a quoted string (RFC 9651 §3.3.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
