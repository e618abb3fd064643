"""Who asks in the wild: browsers, apps and bots as they are, as data.

The field values are what the named programs send (their sources, or a capture of them); the weights
follow the shares of browsers that StatCounter gives for Europe in 2025, with a fifth of the
requests from bots and apps, as servers' logs have it. What a real site sees differs in the weights,
not in the kinds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

__all__ = ["Asked", "Page", "Site", "drawn"]

T = TypeVar("T")
Weighted = Sequence[tuple[float, T]]

HTML = "text/html,application/xhtml+xml,application/xml;q=0.9,"
ACCEPTS = {
    "chrome": f"{HTML}image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7",
    "firefox": f"{HTML}*/*;q=0.8",
    "old firefox": f"{HTML}image/avif,image/webp,*/*;q=0.8",
    "safari": f"{HTML}*/*;q=0.8",
    "any": "*/*",
    "json": "application/json",
    "axios": "application/json, text/plain, */*",
    "none": "",
}

PROGRAMS: Weighted[tuple[str, str, bool]] = [
    # weight, Accept-Encoding, Accept, whether it is a browser
    (38, ("gzip, deflate, br, zstd", "chrome", True)),  # Chrome and Edge since 123
    (8, ("gzip, deflate, br", "chrome", True)),  # Chrome before, WebViews, Samsung
    (17, ("gzip, deflate, br", "safari", True)),
    (6, ("gzip, deflate, br, zstd", "firefox", True)),  # since 126
    (3, ("gzip, deflate, br", "old firefox", True)),
    (3, ("gzip, deflate", "old firefox", True)),  # behind a proxy that takes the rest away
    (5, ("gzip, deflate, br", "any", False)),  # Googlebot, bingbot
    (4, ("gzip, deflate", "any", False)),  # python-requests without Brotli
    (3, ("gzip", "none", False)),  # Go
    (2, ("gzip,deflate", "any", False)),  # node-fetch, crawlers
    (2, ("gzip, compress, deflate, br", "axios", False)),
    (2, ("br;q=1.0, gzip;q=0.9, deflate;q=0.8", "json", False)),  # Alamofire on iOS
    (2, ("gzip", "json", False)),  # OkHttp on Android
    (1, ("gzip;q=1.0,deflate;q=0.6,identity;q=0.3", "any", False)),  # Ruby
    (1, ("deflate, gzip, br, zstd", "any", False)),  # curl --compressed
    (1, ("gzip, x-gzip, deflate", "json", False)),  # Apache HttpClient for Java
    (1, ("identity", "any", False)),  # Wget
    (1, ("", "any", False)),  # curl
]

LANGUAGES: Weighted[str] = [
    (24, "en-US,en;q=0.9"),
    (8, "en-GB,en-US;q=0.9,en;q=0.8"),
    (6, "en-US,en;q=0.5"),
    (24, "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7"),
    (8, "de,en-US;q=0.7,en;q=0.3"),
    (6, "de-DE,de;q=0.9"),
    (4, "de-AT,de;q=0.9,en;q=0.8"),
    (3, "de-CH,de;q=0.9,fr;q=0.8,en;q=0.7"),
    (6, "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7"),
    (4, "es-ES,es;q=0.9,en;q=0.8"),
    (3, "pl-PL,pl;q=0.9,en-US;q=0.8,en;q=0.7"),
    (2, "nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7"),
    (2, "zh-CN,zh;q=0.9"),
]

COOKIES: Sequence[tuple[float, str, bool]] = [
    # which part of the browsers has it, its pair, whether its value changes with each page
    (0.70, "_ga=GA1.1.{id}.1748736000", False),
    (0.70, "_ga_1AB2CD3EF4=GS2.1.s1748736000$o1$g1$t{now}", True),
    (0.25, "_gid=GA1.2.{id}.1748736000", False),
    (0.30, "_gcl_au=1.1.{id}.1748736000", False),
    (0.35, "_fbp=fb.1.1748736000000.{id}", False),
    (0.10, "_hjSessionUser_1234567={id}", False),
    (0.08, "_uetvid={id}", False),
    (0.08, "_pk_id.1.1fff={id}.1748736000.", False),
    (0.04, "__hstc=1.{id}.1748736000.1748736000.{now}.7", True),
    (0.06, "theme=dark", False),
]

TRACKING: Weighted[str] = [
    (40, "utm_source=newsletter&utm_medium=email&utm_campaign=week-{week}"),
    (15, "utm_source=x&utm_medium=social&utm_campaign=spring&utm_content=c{week}"),
    (25, "gclid=Cj0KCQ{id}"),
    (15, "fbclid=IwAR{id}"),
    (5, "mc_cid=5f{week}&mc_eid={id}"),
]

TRACKED, LOGGED_IN, RELOADS = 0.15, 0.15, 0.05
"""Parts of the requests for pages that come by such a link, of the browsers that have a session, of
a browser's requests that are a reload."""


class Page(NamedTuple):
    """One URL of a site: its kind, its path, and the parameters of its query."""

    kind: str
    path: str
    query: tuple[str, ...] = ()
    linked: bool = True
    """Whether links with tracking parameters lead there."""


class Site(NamedTuple):
    """What is asked for: each page with its weight, and the pair of a session by its number."""

    pages: Weighted[Page]
    session: Callable[[int], str]


class Asked(NamedTuple):
    """One request: what for, the query as it is sent, its fields, and whether it is a reload."""

    page: Page
    query: str
    fields: Mapping[str, str]
    reload: bool
    user: int | None


class Visitor(NamedTuple):
    """One browser, app or bot."""

    number: int
    fields: Mapping[str, str]
    cookies: tuple[tuple[str, bool], ...]
    browser: bool
    user: int | None


def drawn(site: Site, requests: int, visitors: int, seed: str = "wild") -> list[Asked]:
    """So many requests of so many visitors; the same each time."""
    generator = random.Random(f"{seed} {requests} {visitors}")
    people = [_visitor(generator, number, site) for number in range(visitors)]
    ranked = list(accumulate(1 / (rank + 1) ** 0.5 for rank in range(visitors)))
    pages = list(accumulate(weight for weight, _ in site.pages))
    asked = []
    for now in range(requests):
        (visitor,) = generator.choices(people, cum_weights=ranked)
        (number,) = generator.choices(range(len(pages)), cum_weights=pages)
        asked.append(_asked(generator, visitor, site.pages[number][1], 1748736000 + now))
    return asked


def _pick(generator: random.Random, weighted: Weighted[T]) -> T:
    return generator.choices([one for _, one in weighted], [weight for weight, _ in weighted])[0]


def _visitor(generator: random.Random, number: int, site: Site) -> Visitor:
    encodings, accept, browser = _pick(generator, PROGRAMS)
    fields = {"Accept-Encoding": encodings, "Accept": ACCEPTS[accept]}
    cookies: list[tuple[str, bool]] = []
    user = None
    if browser:
        fields["Accept-Language"] = _pick(generator, LANGUAGES)
        identity = str(generator.randrange(10**8, 10**9))
        for part, pair, changes in COOKIES:
            if generator.random() < part:
                cookies.append((pair.replace("{id}", identity), changes))
        if generator.random() < LOGGED_IN:
            user = number
            cookies.append((site.session(number), False))
        generator.shuffle(cookies)
    sent = {name: value for name, value in fields.items() if value}
    return Visitor(number, sent, tuple(cookies), browser, user)


def _asked(generator: random.Random, visitor: Visitor, page: Page, now: int) -> Asked:
    fields = dict(visitor.fields)
    if visitor.cookies:
        pairs = [pair.replace("{now}", str(now)) for pair, _ in visitor.cookies]
        fields["Cookie"] = "; ".join(pairs)
    reload = visitor.browser and generator.random() < RELOADS
    if reload:
        fields["Cache-Control"] = "max-age=0" if generator.random() < 0.8 else "no-cache"
    parameters = list(page.query)
    generator.shuffle(parameters)
    if page.linked and visitor.browser and generator.random() < TRACKED:
        link = _pick(generator, TRACKING)
        link = link.replace("{id}", str(generator.randrange(10**8, 10**9)))
        parameters.append(link.replace("{week}", str(generator.randrange(52))))
    return Asked(page, "&".join(parameters), fields, reload, visitor.user)
