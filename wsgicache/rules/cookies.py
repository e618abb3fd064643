"""Which cookies does the app not need to see (RFC 9111 §4.1)?

A hidden cookie does not select, so Vary need not mention it, and it makes no answer private.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import NamedTuple

from wsgicache.rules.bounds import LONGEST, Remembered

__all__ = [
    "ANALYTICS_COOKIES", "DASHBOARD_COOKIE", "DJANGO_COOKIES", "FLASK_COOKIES", "FORM_COOKIES",
    "USUAL_SETTERS", "Hiding", "Setter", "cookie_name", "hiding", "shown",
]  # fmt: skip

ANALYTICS_COOKIES = (
    # Google: Analytics, Tag Manager, Ads
    *("_ga", "_ga_*", "_gid", "_gat", "_gat_*", "_dc_gtm_*", "__utm[abctvxz]", "__utmt_*"),
    *("_gcl_*", "_gac_*", "__gads", "__gpi", "__gpi_optout", "__eoi"),
    # Meta, Microsoft, TikTok, Pinterest, Snapchat, LinkedIn, X, Reddit, Quantcast
    *("_fbp", "_fbc", "_uetsid", "_uetvid", "_uetmsclkid", "_clck", "_clsk"),
    *("_ttp", "ttcsid", "ttcsid_*", "_tt_enable_cookie", "_pin_unauth", "_pinterest_ct_ua"),
    *("_scid", "_scid_r", "_sctr", "li_fat_id", "_twpid", "_twclid", "_rdt_uuid", "__qca"),
    # Matomo, Yandex, Adobe, HubSpot, Marketo
    *("_pk_id*", "_pk_ses*", "_pk_ref*", "_pk_cvar*", "_pk_hsr*", "_ym_*"),
    *("AMCV_*", "AMCVS_*", "s_cc", "s_sq", "s_vi", "s_fid", "s_ecid"),
    *("__hstc", "__hssc", "__hssrc", "hubspotutk", "_mkto_trk"),
    # Segment, Mixpanel, Amplitude, Heap, Snowplow
    *("ajs_anonymous_id", "ajs_user_id", "ajs_group_id", "mp_*_mixpanel"),
    *("AMP_*", "amplitude_id*", "_hp2_*", "_hp5_*", "_sp_id.*", "_sp_ses.*"),
    # recordings of visits: Hotjar, FullStory, Crazy Egg, Mouseflow, Lucky Orange
    *("_hj*", "fs_uid", "fs_lua", "_ce.*", "_CEFT", "mf_*", "_lo_uid", "_lo_v", "__lotl"),
    # publishers and advertising: Chartbeat, Parse.ly, Klaviyo, Criteo, AdRoll
    *("_cb", "_cb_*", "_chartbeat*", "_parsely_*", "__kla_id", "cto_bundle", "cto_bidid"),
    *("__adroll", "__adroll_fpc", "__ar_v4"),
    # chats
    *("intercom-id-*", "intercom-session-*", "intercom-device-id-*", "__zlcmid"),
    *("crisp-client/*", "twk_*", "TawkConnectionTime"),
)
"""Cookies, or patterns of them, that third-party scripts set and read in browsers, for analytics,
advertising and chats. They leave out what an app may read: consent, variants of a test, feature
flags."""

DJANGO_COOKIES = ("sessionid", "csrftoken", "messages", "django_language")
"""The usual names of Django's own cookies."""
FLASK_COOKIES = ("session", "remember_token")
"""The usual names of the cookies of Flask and Flask-Login."""

DASHBOARD_COOKIE = "wsgicache-dashboard"
"""The cookie of the page about the cache. Browsers send it to that page alone."""


class Setter(NamedTuple):
    """Who usually sets a cookie."""

    who: str
    setting: str = ""
    """What has it set only when it has to be, if it is set with every response by default."""


_FORMS = Setter("the protection of forms (CSRF), for a page with a form token")
FORM_COOKIES = frozenset({"csrftoken", "csrf_token", "_csrf_token", "_csrf", "XSRF-TOKEN"})
"""Cookies with the token of forms."""
USUAL_SETTERS = {
    **dict.fromkeys(FORM_COOKIES, _FORMS),
    "session": Setter(
        "Flask's session, where a view changes it, or where it is permanent",
        "SESSION_REFRESH_EACH_REQUEST = False in Flask's configuration",
    ),
    "sessionid": Setter(
        "Django's session, where a view changes it, or SESSION_SAVE_EVERY_REQUEST is on",
        "SESSION_SAVE_EVERY_REQUEST = False in Django's settings",
    ),
    "messages": Setter("Django's messages, where a view adds or shows one"),
    "django_language": Setter("Django's view that sets the language"),
    "remember_token": Setter(
        "Flask-Login, to remember a user",
        "REMEMBER_COOKIE_REFRESH_EACH_REQUEST = False in Flask's configuration",
    ),
    "beaker.session.id": Setter("Beaker's session, where a view saves it"),
}
"""Who usually sets a cookie of this name."""

Hiding = Callable[[str], bool]
"""A function that says whether the cookie of this name is hidden; white space does not count."""

_MOST = 1024


def hiding(patterns: tuple[str, ...], only: tuple[str, ...] | None) -> Hiding | None:
    """Return the function that says which cookies the app does not see, or None if it sees all.

    Hidden are those whose names match one of *patterns*, and with *only* all whose names match none
    of *only*. The cookie of the page about the cache is hidden only by *patterns*.
    """
    return _hidings[patterns, only]


def _hiding(asked: tuple[tuple[str, ...], tuple[str, ...] | None]) -> Hiding | None:
    patterns, only = asked
    if not patterns and only is None:
        return None
    ignored = _matching(patterns)
    needed = None if only is None else _matching((*only, DASHBOARD_COOKIE))

    # PERF: visitors have the same names, and different values.
    def is_hidden(name: str) -> bool:
        name = name.strip(" \t")
        if needed is not None and needed(name) is None:
            return True
        return ignored(name) is not None

    return Remembered(is_hidden, _MOST).__getitem__


_hidings = Remembered(_hiding, 64, LONGEST)


def _matching(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Return the function that matches a name with any of *patterns*."""
    return re.compile("|".join(map(translate, patterns)) if patterns else r"(?!)").match


def shown(cookie: str, hides: Hiding) -> str:
    """Return *cookie*, a Cookie value, as the app sees it; the same object if nothing is hidden."""
    pairs = cookie.split(";")
    kept = [pair for pair in pairs if not hides(pair.partition("=")[0])]
    return cookie if len(kept) == len(pairs) else ";".join(kept).strip(" \t;")


def cookie_name(pair: str) -> str:
    """Return the name in ``name=value``, or all of a pair without ``=`` (RFC 6265 §5.2)."""
    return pair.partition("=")[0].strip(" \t")
