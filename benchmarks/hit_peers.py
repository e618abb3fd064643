"""The scenarios of `hit` in which others are beside wsgicache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import click

from benchmarks import peers
from benchmarks.calls import ETAG, LENGTH, Scenario, again, call
from benchmarks.peers import Peer
from wsgicache import CacheMiddleware

LENGTHS = {"200 B": 200, "2 KiB": LENGTH, "64 KiB": 2**16, "1 MiB": 2**20, "10 MiB": 10 * 2**20}
VARIANTS = (1, 8, 64)

WALK, HITS, VARY, CONTENTS = "wsgicache", "hit of 2 KiB", "variants in turn", "hits by content"
NOT_MODIFIED, HEAD, RANGE = "304", "HEAD", "range of 1 KiB in 64 KiB"
GROUPS = (WALK, HITS, NOT_MODIFIED, HEAD, RANGE, VARY, CONTENTS)

FLASK, FLASK_CACHING, DJANGO = "Flask, not cached", "Flask-Caching", "Django's cache"
SAID = {
    NOT_MODIFIED: {"HTTP_IF_NONE_MATCH": ETAG},
    HEAD: {"REQUEST_METHOD": "HEAD"},
    RANGE: {"HTTP_RANGE": "bytes=1024-2047"},
}
"""What requests say in groups that are about that."""
SHARE = 4
"""Peers are called so many times less often."""


def speaking(count: int) -> list[dict[str, str]]:
    """What so many kinds of clients say of themselves."""
    return [{"HTTP_ACCEPT_LANGUAGE": f"en-{100 + number},en;q=0.5"} for number in range(count)]


def asked(
    group: str, name: str, peer: Peer, *said: dict[str, str], caches: bool = True
) -> Scenario:
    """Requests to a peer that say so, in turn; it has the answers where it *caches*. Raises
    ClickException if it has not."""
    bases = [peer.environ(said=one) for one in said or (SAID.get(group, {}),)]
    for base in [peer.environ(), *bases]:
        call(peer.app, base)
    made = len(peer.made)
    answers = {call(peer.app, base) for base in bases}
    if len(answers) > 1 or (caches and len(peer.made) != made):
        raise click.ClickException(f"{group}: {name} makes the page again")
    ((status, length),) = answers
    return Scenario(name, again(peer.app, *bases), status, length, "", group, SHARE)


def by_hand() -> Iterator[Scenario]:
    """A decorator without a framework."""
    peer = peers.wsgi_by_hand(LENGTH)
    yield asked(HITS, "@cached by hand, plain WSGI", peer)._replace(share=1)


def flask() -> Iterator[Scenario]:
    """Flask alone, with a decorator of one's own, and below wsgicache."""
    view, conditional = peers.flask_view(LENGTH), peers.flask_conditional(LENGTH)
    decorated, large = peers.flask_by_hand(LENGTH), peers.flask_conditional(LENGTHS["64 KiB"])
    over = Peer(CacheMiddleware(view.app), view.path, view.made)
    yield asked(HITS, "wsgicache over Flask", over)._replace(share=1, outcome="hit")
    yield asked(HITS, "@cached by hand, Flask", decorated)
    yield asked(HEAD, "@cached by hand, Flask", decorated)
    for group, peer in ((HITS, view), (NOT_MODIFIED, conditional), (HEAD, view), (RANGE, large)):
        yield asked(group, FLASK, peer, caches=False)


def flask_caching() -> Iterator[Scenario]:
    """Flask-Caching's decorator on a view."""
    peer, by_query = peers.flask_caching(LENGTH), peers.flask_caching(LENGTH, query_string=True)
    yield asked(HITS, FLASK_CACHING, peer)
    yield asked(HITS, "Flask-Caching, query_string=True", by_query)
    yield asked(HEAD, FLASK_CACHING, peer)
    yield from by_content(FLASK_CACHING, peers.flask_caching)


def django() -> Iterator[Scenario]:
    """Django's cache of whole sites."""
    peer = peers.django_cache(LENGTH)
    yield asked(HITS, DJANGO, peer)
    yield asked(HITS, "Django, not cached", peers.django(LENGTH), caches=False)
    yield asked(NOT_MODIFIED, DJANGO, peers.django_cache(LENGTH, peers.CONDITIONAL))
    yield asked(HEAD, DJANGO, peer)
    varying = peers.django_cache(LENGTH, vary="Accept-Language")
    for count in VARIANTS:
        yield asked(VARY, f"{DJANGO}, {count}", varying, *speaking(count))
    yield from by_content(DJANGO, peers.django_cache)


def hishel() -> Iterator[Scenario]:
    """What hishel decides."""
    yield asked(HITS, "hishel's decision alone", peers.hishel_decision(LENGTH))


def by_content(name: str, make: Callable[[int], Peer]) -> Iterator[Scenario]:
    """Contents of all lengths; the largest are asked for less often."""
    for size, length in LENGTHS.items():
        case = asked(CONTENTS, f"{name}, {size}", make(length))
        yield case._replace(share=250) if length > LENGTHS["64 KiB"] else case


PEERS: dict[str, Callable[[], Iterable[Scenario]]] = {
    "a decorator by hand": by_hand,
    "Flask": flask,
    "hishel": hishel,
    "Flask-Caching": flask_caching,
    "Django": django,
}
