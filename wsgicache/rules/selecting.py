"""Which request fields select although no Vary names them (RFC 9111 §4.1, §2)?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wsgicache.rules.fields import environ_key

__all__ = [
    "FORWARDED_FIELDS", "FRAGMENT_FIELDS", "SELECTING_FIELDS", "cookies_named", "fragment_fields",
    "selecting_fields",
]  # fmt: skip

FORWARDED_FIELDS = (
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Forwarded-Port"),
    *("X-Forwarded-Prefix", "X-Forwarded-Server", "X-Forwarded-Protocol", "X-Forwarded-SSL"),
    *("X-Original-Host", "X-Host", "Forwarded"),
)
"""Fields by which proxies pass on the target of the request."""

PUBLIC_URL_FIELDS = (
    *("X-Script-Name", "X-Scheme", "X-Url-Scheme", "X-Forwarded-Https", "Front-End-Https"),
    *("CloudFront-Forwarded-Proto", "Cf-Visitor", "X-Original-URI", "X-Forwarded-Uri"),
    *("X-Forwarded-Path", "X-Forwarded-Base", "X-Forwarded-Root", "X-Forwarded-Context"),
    *("X-Forwarded-PathBase", "X-Forwarded-Original-Host", "X-Forwarded-Server-Name"),
    *("X-Original-Proto", "X-Original-Scheme", "X-Original-Port", "X-Original-Prefix"),
    *("X-Original-Path", "X-Real-Host", "X-Proto", "X-Protocol", "X-Https", "X-SSL", "X-Port"),
    *("X-Prefix", "X-Path-Prefix", "X-Base-Path", "X-Root-Path", "X-Ingress-Path", "X-Proxy-Host"),
    *("X-Proxy-Prefix", "X-RStudio-Root-Path", "X-Replaced-Path", "X-Envoy-Original-Path"),
    *(
        "X-Envoy-Original-Host",
        "X-Forwarded-Url",
        "X-Request-Uri",
        "X-Request-Url",
        "X-MS-Original-Url",
    ),
    *(
        "X-Waws-Unencoded-Url",
        "X-ARR-SSL",
        "X-AppEngine-Https",
        "X-Custom-Domain",
        "X-Host-Override",
    ),
    *("X-HTTP-Host-Override", "Host-Override", "X-Backend-Host", "WL-Proxy-SSL", "X-External-Url"),
    *("X-Script-Path", "X-SCRIPT-URL", "X-CherryPy-Base", "X-Trac-Base", "X-Vhm-Root", "X-Vhost"),
    *("X-Vhm-Host", "X-Forwarded-Base-Path", "X-Forwarded-BasePath", "X-Forwarded-Script-Name"),
    *("X-Forwarded-Request-Uri", "X-Forwarded-Vhost", "X-Forwarded-Authority", "X-Http-Host"),
    *("X-Original-Forwarded-Host", "X-Original-Forwarded-Proto"),
    *("X-Proxy-Url", "X-External-Host", "X-Base-Url", "Https", "X-AppService-Proto"),
    *("Disguised-Host", "WAS-Default-Hostname", "X-AppEngine-Default-Version-Hostname"),
    *("Fastly-SSL", "Fastly-Orig-Host", "X-RStudio-Request", "RStudio-Connect-App-Base-URL"),
    *("X-ProxyScheme", "X-ProxyHost", "X-ProxyPort", "X-ProxyContextPath", "Proxy-SSL"),
    *("X-Odoo-Dbfilter", "X-Sandstorm-Base-Path"),
)
"""More such fields, from which frameworks, their helpers and common snippets make the public
URL."""

FRAGMENT_FIELDS = (
    *("HX-Request", "HX-Boosted", "HX-Target", "HX-Trigger", "HX-Trigger-Name", "HX-Current-URL"),
    *("HX-Prompt", "HX-History-Restore-Request", "HX-Preloaded", "Turbo-Frame", "Turbo-Visit"),
    *("X-Turbo-Request-Id", "X-Turbolinks", "Turbolinks-Referrer", "X-XHR-Referer"),
    *("X-Requested-With", "X-PJAX", "X-PJAX-Container", "X-PJAX-Version", "X-Up-Version"),
    *("X-Up-Target", "X-Up-Fail-Target", "X-Up-Mode", "X-Up-Fail-Mode", "X-Up-Context"),
    *("X-Up-Fail-Context", "X-Up-Validate", "X-Up-Location", "X-Up-Title", "X-Up-Events"),
    *("X-Alpine-Request", "X-Alpine-Target", "X-Alpine-Ajax", "X-Livewire", "X-Livewire-Navigate"),
    *("X-Inertia", "X-Inertia-Version", "X-Inertia-Partial-Component", "X-Inertia-Partial-Data"),
    *("X-Inertia-Partial-Except", "X-Inertia-Reset", "X-Inertia-Error-Bag", "X-Spf-Request"),
    *(
        "X-SPF-Referer",
        "X-Fragment",
        "X-Partial",
        "X-Partial-Content",
        "X-Unicorn",
        "X-Fixi-Request",
    ),
    *("FX-Request", "X-Splade", "X-Splade-Modal", "X-Data-Star", "Datastar-Request", "X-Swup"),
    *("X-IC-Request", "X-Barba", "X-Hotwire-Frame", "X-Tetra-Request", "X-Reactor", "X-Jinjax"),
    *("X-Microdot-Partial", "X-October-Request-Handler", "X-October-Request-Partials"),
)
"""Request fields by which a script asks for a fragment of a page, or for its data."""

SELECTING_FIELDS = (
    *FORWARDED_FIELDS,
    *PUBLIC_URL_FIELDS,
    "Origin",
    *FRAGMENT_FIELDS,
)
"""Request fields that select in the safe policy, whether Vary names them or not."""

_PARAMETER = re.compile(
    r'\b(host|proto)[ \t]*=[ \t]*("(?:[^"\\]|\\.?)*"?|[^;,\s"]+)', re.IGNORECASE
)
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PAIR = rf'{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*")'
_WELL_FORMED = re.compile(rf"{_PAIR}(?:;{_PAIR})*(?:[ \t]*,[ \t]*{_PAIR}(?:;{_PAIR})*)*")


def selecting_fields(environ: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...] | None:
    """Return the names and values that *environ* has under *keys*, or None if it has none.

    Of a well-formed Forwarded (RFC 7239) only the parameters from which apps make links count;
    otherwise all of it does.
    """
    said: list[str] = []
    for key in keys:
        if (value := environ.get(key)) is None:
            continue
        if key == "HTTP_FORWARDED" and _WELL_FORMED.fullmatch(value.strip(" \t")):
            for name, argument in _PARAMETER.findall(value):
                said += (name.lower(), argument)
        else:
            said += (key, value)
    return tuple(said) or None


_FRAGMENTS = {environ_key(name): name for name in FRAGMENT_FIELDS}


def fragment_fields(environ: Mapping[str, Any], keys: Iterable[str]) -> tuple[str, ...]:
    """Return the fields among *keys* by which *environ* asks for a fragment of a page.

    Vary must name them in the answer (RFC 9110 §12.5.5), even if the app does not: a browser does
    not know what selects here, and would show the fragment as the page.
    """
    # Deviation: the cache adds to a field that is the app's to send.
    return tuple(_FRAGMENTS[key] for key in keys if key in _FRAGMENTS and key in environ)


def cookies_named(cookie: str, names: Sequence[str]) -> list[str]:
    """Return the pairs in *cookie*, a Cookie value, whose names are in *names*, in its order."""
    if not any(name in cookie for name in names):
        return []
    pairs = (pair.strip(" \t") for pair in cookie.split(";"))
    return [pair for pair in pairs if pair.partition("=")[0].rstrip(" \t") in names]
