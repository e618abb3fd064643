"""What the strip at the foot of a page says, and what it loads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import gmtime, strftime
from typing import TYPE_CHECKING
from urllib.parse import quote

from markupsafe import Markup

from wsgicache.cli.terminal import visible
from wsgicache.dashboard.assets import loaded
from wsgicache.dashboard.markup import duration
from wsgicache.observe.stats import Told
from wsgicache.rules.fields import parse_age
from wsgicache.rules.keys import host_asked
from wsgicache.rules.model import FieldLines
from wsgicache.why.brief import Brief, brief
from wsgicache.why.browsers import BROWSERS, Seen

__all__ = ["FILES", "PLACE", "Came", "foot", "may_load"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

PLACE = "/-/wsgicache/"
"""Where the page about the cache is, and what the strip loads."""
_KINDS = {"strip.css": "text/css; charset=utf-8", "strip.js": "text/javascript; charset=utf-8"}

_PATHS, FILES = loaded("wsgicache.cli", _KINDS, PLACE)
"""The paths by names, and the files by paths."""

_STRIP = Markup("""
<wsgicache-strip><template shadowrootmode="open">{style}<details id="strip" data-at="{at}" \
data-age="{age}"><summary><b id="label" class="{outcome}">{label}</b> age <span id="age">{age}\
</span> s &#183; {lifetimes}</summary>
<p><span id="reason">{reason}</span> <span id="cure">{cure}</span></p>
<p id="came" hidden>When it came: <span id="before"></span></p>
<p>As of {when} UTC. <a href="{explain}">Why?</a> <a href="{requests}">Last requests</a>
<button id="close" type="button" hidden>Close</button></p>
</details></template></wsgicache-strip>{script}
""")
_STYLE = Markup('<link rel="stylesheet" href="{}">')
_CODE = Markup('<script src="{}" defer></script>')
_ASKS = "asks each time"
_SLOT = 20
"""The room for the lifetime of what is stored, in characters of ASCII."""
_NBSP = "\N{NO-BREAK SPACE}"
_PASSED = Brief("PASSED", "The request did not go through the cache.", "")


class Came:
    """A page as it came: the request, the fields of the answer, and what the cache *told* of it."""

    def __init__(
        self, environ: WSGIEnvironment, fields: FieldLines, told: Told | None, wall: float
    ) -> None:
        self.environ, self.fields, self.told, self.wall = environ, fields, told, wall
        self.origin = f"{environ['wsgi.url_scheme']}://{host_asked(environ)}"
        values = {name.lower(): value for name, value in fields}
        self.cache_status = values.get("cache-status", "")
        self.age = parse_age(values.get("age"))
        self.loads = may_load(fields, self.origin)
        self.lifetime: float | None = None
        """The seconds for which the cache keeps what it stores; known once that is stored. The
        length of the strip does not depend on it."""

    @property
    def url(self) -> str:
        """The path and the query, as the browser sent them, if the server says so."""
        environ = self.environ
        path = quote(
            environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""), encoding="latin-1"
        )
        query = environ.get("QUERY_STRING", "")
        return f"{path}?{query}" if query else path


def foot(came: Came) -> bytes:
    """Return the strip of a page, which loads what the page's own policy lets it load."""
    told = came.told
    if told is None:
        outcome, said = "bypass", _PASSED
    else:
        said = brief(told.outcome, told.forward, told.detail or _detail(came), _ttl(told))
        outcome = told.outcome
    text = _STRIP.format(
        style=_STYLE.format(came.origin + _PATHS["strip.css"]) if "style" in came.loads else "",
        script=_CODE.format(came.origin + _PATHS["strip.js"]) if "script" in came.loads else "",
        at=int(came.wall),
        age=int(came.age),
        when=strftime("%H:%M:%S", gmtime(came.wall)),
        outcome=outcome,
        label=said.label,
        reason=said.reason,
        cure=said.cure,
        lifetimes=Markup(" &#183; ").join(_lifetimes(came)),
        explain=f"{came.origin}{PLACE}explain?url={quote(came.url, safe='/')}",
        requests=f"{came.origin}{PLACE}requests",
    )
    return visible_ascii(text)


def visible_ascii(text: str) -> bytes:
    """Return *text* in ASCII, which means the same in every charset of a page."""
    lines = (visible(line, but=_NBSP) for line in text.split("\n"))
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace")


def _ttl(told: Told) -> float | None:
    return None if told.served is None else told.served.ttl


def _detail(came: Came) -> str | None:
    """Return why no stored response answered, which Cache-Status says beside ``stored``."""
    found = re.search(r"; stored; detail=([\w-]+)$", came.cache_status)
    return found[1] if found else None


def _lifetimes(came: Came) -> Iterator[str]:
    """Yield for how long the cache and the browser keep the page."""
    told = came.told
    if told is not None and told.outcome == "stored":
        # What comes later, as the last bytes of the page, is as long as what was announced.
        text = "kept" if came.lifetime is None else _of_cache(came.lifetime)
        yield f"cache: {text.replace(_NBSP, ' '):{_SLOT}.{_SLOT}}"
    elif told is not None and told.served is not None:
        yield f"cache: {_of_cache(told.served.age + told.served.ttl)}"
    else:
        yield "cache: not kept"
    yield f"browser: {_of_browser(came)}"


def _of_cache(seconds: float) -> str:
    return _seconds(seconds) if seconds > 0 else _ASKS


def _of_browser(came: Came) -> str:
    """Return for how long the browser takes the page for fresh."""
    chromium, firefox = BROWSERS
    browser = firefox if "Firefox/" in came.environ.get("HTTP_USER_AGENT", "") else chromium
    seen = Seen(browser, "200 OK", came.fields, came.wall)
    if not seen.is_kept:
        return "not kept"
    if seen.lifetime <= 0:
        return _ASKS
    text = _seconds(seen.lifetime)
    return f"perhaps {text}, for the page does not say" if seen.is_heuristic else text


def _seconds(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 3600 else duration(int(seconds))


# ── the policy of the page ─────────────────────────────────────────────────────────────────────


def may_load(fields: FieldLines, origin: str) -> frozenset[str]:
    """Return which of ``script`` and ``style`` the page may load from *origin*.

    That is what its Content-Security-Policy permits, in doubt nothing: else the browser would
    report each page as an attack.
    """
    policies = [
        _directives(policy)
        for name, value in fields
        if name.lower() == "content-security-policy"
        for policy in value.split(",")
    ]
    kinds = ("script", "style")
    return frozenset(kind for kind in kinds if all(_permits(one, kind, origin) for one in policies))


def _directives(policy: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        found.setdefault(name.lower(), [source.lower() for source in sources])
    return found


def _permits(policy: dict[str, list[str]], kind: str, origin: str) -> bool:
    if kind == "script" and "sandbox" in policy and "allow-scripts" not in policy["sandbox"]:
        return False
    for name in (f"{kind}-src-elem", f"{kind}-src", "default-src"):
        if name in policy:
            sources = policy[name]
            scheme = origin.partition("//")[0]
            permitted = not {"'self'", "*", scheme, origin.lower()}.isdisjoint(sources)
            return permitted and "'strict-dynamic'" not in sources
    return True
