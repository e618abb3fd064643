"""What someone may have meant who names a URL that is not stored."""

from __future__ import annotations

import re

from wsgicache.rules.keys import Key

__all__ = ["near_keys"]

_PORT = re.compile(r":[0-9]+\Z")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_USUAL_PORTS = ("", ":8000", ":5000", ":8080", ":3000")
"""Where development servers listen, as keys have it."""


def near_keys(key: Key, origin: tuple[str, str] | None) -> list[Key]:
    """Return the keys that someone who wrote *key* may have meant.

    They have a slash more or less at the end of the path, the other scheme, the host with or
    without www, no port, or the host and scheme of *origin*, if that is known. Where the host is
    this machine, they have each of its names, and the usual ports.
    """
    scheme, host, path, query = key
    schemes = (scheme, "https" if scheme == "http" else "http")
    name = _PORT.sub("", host)
    hosts = [host, host[4:] if host.startswith("www.") else f"www.{host}", name]
    if name in _LOOPBACK:
        ports = (host[len(name) :], *_USUAL_PORTS)
        hosts += [one + port for port in ports for one in _LOOPBACK]
    paths = (path, (path[:-1] or "/") if path.endswith("/") else f"{path}/")
    origins = [(one, name) for name in hosts for one in schemes]
    if origin is not None:
        origins += [(one, origin[1]) for one in schemes]
    near = [(*one, there, query) for one in origins for there in paths]
    return [one for one in dict.fromkeys(near) if one != key]
