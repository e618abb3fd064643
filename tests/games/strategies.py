"""What hypothesis draws from: texts as hostile as WSGI lets them be, and well-formed ones."""

from __future__ import annotations

import io
import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

Directives = tuple[tuple[str, str | None], ...]


def examples(normally: int) -> settings:
    """That many examples, or as many as the long run asks for."""
    return settings(max_examples=int(os.environ.get("WSGICACHE_EXAMPLES", normally)))


# ── Cache-Control in parts, and as text ──────────────────────────────────────────────────────────

_seconds = st.sampled_from(["0", "1", "5", "30", "100"])
_lifetimes = st.tuples(st.sampled_from(["max-age", "max-age", "max-age", "s-maxage"]), _seconds)
_long = st.sampled_from([("max-age", "30"), ("max-age", "100"), ("max-age", "100")])
_others = st.one_of(
    _lifetimes,
    st.tuples(st.sampled_from(["stale-while-revalidate", "stale-if-error"]), _seconds),
    st.tuples(
        st.sampled_from(
            [
                "public",
                "public",
                "private",
                "no-store",
                "no-cache",
                "must-revalidate",
                "proxy-revalidate",
                "must-understand",
                "immutable",
                "x-extension",
            ]
        ),
        st.none(),
    ),
)


def directives(targeted: bool = False) -> st.SearchStrategy[Directives]:
    """Members of Cache-Control, most often with a lifetime, and in any order.

    A targeted field is a dictionary: its members are unique, and there is one.
    """
    first = st.lists(_long | _long | _lifetimes, min_size=int(targeted), max_size=1)
    said = st.tuples(first, st.lists(_others, max_size=2)).map(lambda parts: [*parts[0], *parts[1]])
    if targeted:
        return said.map(lambda members: tuple(dict(members).items()))
    return st.tuples(said, st.booleans()).map(
        lambda drawn: tuple(reversed(drawn[0])) if drawn[1] else tuple(drawn[0])
    )


def styled(members: Directives, style: int) -> str:
    """The same directives, written in one of five ways."""
    if style == 1:
        return ",".join(n.upper() if a is None else f"{n.upper()}={a}" for n, a in members)
    if style == 2:
        return ",, ".join(n if a is None else f'{n}="{a}"' for n, a in members) + " ,"
    if style == 3:
        return "\t,".join(n.title() if a is None else f"{n}={a}" for n, a in members)
    if style == 4:  # what is quoted is an argument
        return 'x="no-store, max-age=0", ' + ", ".join(
            n if a is None else f"{n}={a}" for n, a in members
        )
    return ", ".join(n if a is None else f"{n}={a}" for n, a in members)


# ── Accept-Encoding in parts, and as text ────────────────────────────────────────────────────────

Offer = dict[str, int]

OFFERS: dict[str, Offer] = {
    "gzip": {"gzip": 10},
    "gzip, br": {"gzip": 10, "br": 10},
    "br;q=1.0,gzip;q=0.50": {"gzip": 5, "br": 10},
    "GZIP;q=0.5 , br;q=0.2, zstd": {"gzip": 5, "br": 2, "zstd": 10},
    "gzip;q=0": {"gzip": 0},
    "*, br;q=0": {"*": 10, "br": 0},
    "gzip, identity;q=0": {"gzip": 10, "identity": 0},
}


def accepted(offer: Offer, coding: str) -> float:
    """The weight of *coding* (RFC 9110 §12.5.3); nothing is not acceptable."""
    if coding in offer:
        return offer[coding]
    return offer.get("*", 0.5 if coding == "identity" else 0)


def chosen(made: tuple[str, ...], offer: Offer) -> str:
    """What an app that makes these codings chooses: of equal weights its first, then identity."""
    best = max((*made, "identity"), key=lambda coding: accepted(offer, coding))
    return best if accepted(offer, best) else "identity"


# ── hostile texts ────────────────────────────────────────────────────────────────────────────────

SPECIAL = "\xb2\xb3\xb9\x85\xa0\x1c\x1d\x1e\x1f\x00\r\n\t \"'\\,;=*/-+:_.0123456789"
CORPUS = [
    "PRIVATE",
    "No-Store",
    'private=""',
    'private=","',
    'private, private="x"',
    'private=" authorization"',
    'no-cache="\tset-cookie"',
    'private ="x"',
    'private="a,no-store',
    'no-store="x"',
    "max-age=5 no-store",
    "no-store;max-age=5",
    "max-age=\xb2",
    "max-age=1_0",
    "max-age=" + "9" * 5000,
    '"no-store"',
    "s-maxage=foo, max-age=60",
    "*",
    "Accept, *",
    'W/"x"',
    '"a,b"',
    '"unterminated',
    "bytes=0-0,",
    "bytes=-0",
    "bytes=\u0661-",
    "Tue, 14 Nov 2023 22:13:20 GMT",
    "Tuesday, 14-Nov-23 22:13:20 GMT",
    "Tue Nov 14 22:13:20 2023",
    "Mon, " + "1" * 4000 + " Nov 2033 22:13:20 GMT",
    "Mon, 14 Nov 99999 22:13:20 GMT",
    "5, 10",
    "-1",
    "1e9",
    "h.example:80",
    "[::1]:8080",
    "a@h",
]

latin1_text = st.text(st.characters(max_codepoint=0xFF), max_size=60) | st.text(
    st.sampled_from(SPECIAL), max_size=60
)

_token = st.text(st.sampled_from("abcxyzAZ019-_!#$%&'*+.^`|~"), min_size=1, max_size=12)
_quoted = st.text(st.characters(max_codepoint=0xFF, exclude_characters='"\\'), max_size=12).map(
    lambda text: f'"{text}"'
) | st.just('"a\\"b\\\\"')
_space = st.sampled_from(["", "", " ", "\t", "  "])
_member = st.builds(
    lambda name, left, right, argument: (
        name if argument is None else f"{name}{left}={right}{argument}"
    ),
    _token | st.sampled_from(["max-age", "no-store", "private", "no-cache", "S-MaxAge", "public"]),
    _space,
    _space,
    st.none() | _token | _quoted | st.sampled_from(["0", "60", "-1", ""]),
)
_grammar = st.lists(st.tuples(_space, _member | st.just(""), _space).map("".join), max_size=6).map(
    ",".join
)


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(CORPUS))
    where = draw(st.integers(0, len(text)))
    patch = draw(st.text(st.sampled_from(SPECIAL + "aA"), max_size=3))
    return text[:where] + patch + text[where + draw(st.integers(0, 2)) :]


header_value = _grammar | latin1_text | _mutated() | st.sampled_from(CORPUS)
any_text = header_value | st.text(max_size=40)

# ── environs ─────────────────────────────────────────────────────────────────────────────────────

_path = st.sampled_from(["/", "", "/a", "*", "//", "/a?b=1", "/a/../b", "/\0", "/a\r\nb", "x"])
_header = st.sampled_from(
    [
        "HTTP_CACHE_CONTROL",
        "HTTP_PRAGMA",
        "HTTP_RANGE",
        "HTTP_IF_RANGE",
        "HTTP_IF_NONE_MATCH",
        "HTTP_IF_MODIFIED_SINCE",
        "HTTP_COOKIE",
        "HTTP_AUTHORIZATION",
        "HTTP_ACCEPT_LANGUAGE",
        "HTTP_ACCEPT_ENCODING",
        "HTTP_FORWARDED",
        "HTTP_X_FORWARDED_HOST",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_X_HTTP_METHOD_OVERRIDE",
        "HTTP_EXPECT",
        "REMOTE_USER",
        "RAW_URI",
        "REQUEST_URI",
        "CONTENT_TYPE",
    ]
)


@st.composite
def environs(draw: st.DrawFn) -> dict[str, Any]:
    """A plain dict as a server might make it, or almost."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": draw(
            st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "get", "FOO"])
        ),
        "SCRIPT_NAME": draw(st.sampled_from(["", "", "/a"])),
        "PATH_INFO": draw(_path | latin1_text),
        "QUERY_STRING": draw(st.just("") | latin1_text),
        "SERVER_NAME": "h",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": draw(st.sampled_from(["h", "H:80", "h:81", "a@h", "", "[::1]"]) | latin1_text),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": draw(st.sampled_from(["http", "https"])),
        "wsgi.input": io.BytesIO(b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": draw(st.booleans()),
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    length = draw(st.sampled_from([None, None, "", "0", "5", "-1", "\u0665", "9" * 5000]))
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    for key, value in draw(st.dictionaries(_header, header_value, max_size=4)).items():
        environ[key] = value
    for key in draw(st.lists(st.sampled_from(sorted(environ)), max_size=2)):
        if key != "REQUEST_METHOD":
            environ.pop(key, None)
    return environ
