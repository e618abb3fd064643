"""Which parts of a query change the answer (RFC 9111 §2, No-Vary-Search)?

The app does not see the other parts, so no answer can depend on them. No-Vary-Search says the same
to browsers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from urllib.parse import quote, unquote_plus

from wsgicache.rules.bounds import Remembered

__all__ = ["TRACKING_PARAMETERS", "Counting", "no_vary_search", "only_named", "without_ignored"]

TRACKING_PARAMETERS = (
    # names of campaigns: Google Analytics, Matomo, Piwik, Adobe, HubSpot
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id", "utm_*"),
    *("mtm_*", "matomo_*", "piwik_*", "pk_campaign", "pk_kwd", "pk_source", "pk_medium"),
    *("s_cid", "hsa_*", "_hsenc", "_hsmi", "__hstc", "__hssc", "__hsfp", "hsCtaTracking"),
    # clicks: Google, Meta, Microsoft, X, TikTok, LinkedIn, Pinterest, Snapchat, Reddit, Yandex
    *("gclid", "gclsrc", "dclid", "gbraid", "wbraid", "gad_source", "gad_campaignid", "srsltid"),
    *("fbclid", "fb_action_ids", "fb_action_types", "fb_source", "fb_ref", "igshid", "igsh"),
    *("msclkid", "twclid", "ttclid", "li_fat_id", "epik", "ScCid", "rdt_cid", "yclid", "ysclid"),
    # mail: Mailchimp, Klaviyo, Marketo, Vero, Drip, Omeda, Bronto
    *("mc_cid", "mc_eid", "mc_tc", "_kx", "mkt_tok", "vero_id", "vero_conv", "__s", "oly_anon_id"),
    *("oly_enc_id", "_bta_tid", "_bta_c"),
    # links between hosts: Google Analytics; and other networks
    *("_ga", "_gl", "_gac", "irclickid", "rb_clickid", "wickedid", "guccounter", "guce_referrer"),
    *("guce_referrer_sig",),
)
"""Query parameters, or patterns of them, that advertising, mail and networks add to links, for
scripts to read."""

Counting = Callable[[str], str]
"""A function that returns the parts of a query that count."""


def without_ignored(ignored: tuple[str, ...], in_any_order: bool) -> Counting | None:
    """Return the function that removes parameters that match one of *ignored* from a query.

    With *in_any_order* it also sorts the rest by name. Returns None if there is nothing to do.
    """
    if not (ignored or in_any_order):
        return None
    matching = re.compile("|".join(map(translate, ignored)) if ignored else r"(?!)").match
    return _counting(lambda name: matching(name) is None, in_any_order)


def only_named(names: frozenset[str]) -> Counting:
    """Return the function that keeps only the parameters *names* of a query, sorted by name."""
    return _counting(names.__contains__, True)


def _counting(counts: Callable[[str], bool], in_any_order: bool) -> Counting:
    return lambda query: _remembered[query, counts, in_any_order]


def _kept(asked: tuple[str, Callable[[str], bool], bool]) -> str:
    """Return a query with the parameters whose names count, sorted by name if they may be.

    A parameter is the text between two ``&``, even if an app would split it further. Names are
    compared decoded, and parameters of the same name keep their order.
    """
    query, counts, in_any_order = asked
    named = [(unquote_plus(piece.partition("=")[0]), piece) for piece in query.split("&") if piece]
    kept = [pair for pair in named if counts(pair[0])]
    if in_any_order:
        kept.sort(key=lambda pair: pair[0])
    elif len(kept) == len(named):
        return query
    return "&".join(piece for _, piece in kept)


_remembered = Remembered(_kept, 2048, 1024)


def no_vary_search(
    named: tuple[str, ...] | None, ignored: tuple[str, ...], in_any_order: bool
) -> str:
    """Return No-Vary-Search for what counts in a query, or an empty string if all of it does.

    *named* are the only parameters that count. Without them, all but *ignored* count; the field
    cannot express patterns.
    """
    if named is not None:
        return f"key-order, except=({_keys(named)})"
    exact = tuple(name for name in ignored if not re.search(r"[*?\[]", name))
    if not (exact or in_any_order):
        return ""
    return f"{'key-order, ' if in_any_order else ''}params=({_keys(exact)})"


def _keys(names: tuple[str, ...]) -> str:
    """Return *names* as members of an inner list, as a key is parsed (No-Vary-Search, §3.3)."""
    return " ".join(f'"{quote(name, safe="")}"' for name in names)
