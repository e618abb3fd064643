"""The section that explains a request: what the cache does with it, why, and what would mend it."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from wsgicache.dashboard.hiding import shown_value
from wsgicache.dashboard.markup import link, shown
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.rules.policy import Policy
from wsgicache.why.explain import Explanation

__all__ = ["answer"]

_LONGEST = 8_000
_OF_THIS_PAGE = frozenset({"HOST", "REFERER", "CACHE_CONTROL", "PRAGMA"})
"""Fields that are about the page here, and not about the URL that it explains."""


def answer(asked: Asked) -> Answer:
    """Return what the cache does with a request for the URL that is asked for."""
    given = asked.query.get("url", "")
    form = Markup(
        '<form action="explain" method="get"><div class="fields">\n'
        '<label>URL, or a path of this site <input name="url" value="{}" required></label>\n'
        '<button class="main">Explain</button></div></form>\n'
        '<p class="note">With the cookies and the other fields of this browser. The application is '
        "asked once, and nothing is stored.</p>\n"
    ).format(shown(given, _LONGEST))
    if not given:
        return Answer(form)
    url, status, policy = "", "200 OK", asked.cache.policy
    try:
        url = asked.target(given)
        lines = _shown(asked.cache.explain(url, _fields(asked)), policy).lines()
        text = "\n".join(shown(line, _LONGEST) for line in lines)
    except ValueError as error:  # the URL is none
        status, text = "400 Bad Request", shown(str(error), _LONGEST)
    except Exception as error:
        status = "500 Internal Server Error"
        text = shown(f"{type(error).__name__}: {error}", _LONGEST)
    stored = link("entries", "What is stored for it", url=url) if status[:1] == "2" else ""
    return Answer(Markup("{}<pre>{}</pre>\n<p>{}</p>\n").format(form, text, stored), status)


def _fields(asked: Asked) -> list[tuple[str, str]]:
    """Return the fields of the request that say what a browser wants, and who asks."""
    # The browser sends the cookie of this page to no other.
    environ = {**asked.environ, "HTTP_COOKIE": asked.cookies}
    names = (key.removeprefix("HTTP_") for key in environ if key.startswith("HTTP_"))
    return [
        (name.replace("_", "-").title(), value)
        for name in names
        if name not in _OF_THIS_PAGE and (value := environ[f"HTTP_{name}"])
    ]


def _shown(found: Explanation, policy: Policy) -> Explanation:
    """Return what was *found* without what proves who asks."""
    said = [
        reason._replace(said=f"{name}: {shown_value(name, value, policy)}") if colon else reason
        for reason in found.reasons
        for name, colon, value in [reason.said.partition(": ")]
    ]
    selecting = {
        name: None if value is None else shown_value(name, value, policy)
        for name, value in found.selecting.items()
    }
    return replace(found, reasons=tuple(said), selecting=selecting)
