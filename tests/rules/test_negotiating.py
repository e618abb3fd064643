"""What was chosen for one client and is right for another: a row per clause, and a model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.games.strategies import examples, latin1_text
from tests.rules.messages import rows
from wsgicache.rules.negotiating import canonical_codings, coding_made, learning, rank, serves

CHROME = "gzip, deflate, br, zstd"
SAFARI = "gzip, deflate, br"


@pytest.mark.parametrize(
    ("one", "canonical"),
    rows(
        ("9110 §12.5.3 order", "gzip, br", "br,gzip"),
        ("9110 §5.6.1 white space and empty members", " gzip ,,br\t;\tq=0.5,", "br;q=0.5,gzip"),
        ("9110 §8.4.1 case", "GZip", "gzip"),
        ("9110 §12.4.2 a weight of 1", "br;q=1.000, gzip;Q=0.80", "br,gzip;q=0.8"),
        ("9110 §12.4.2 what is not acceptable", "*;q=0, gzip;q=0.", "*;q=0,gzip;q=0"),
        ("9110 §12.5.3 none", "", ""),
        ("9110 §12.4.2 no weight", "gzip;q=2", "gzip;q=2"),
        ("9110 §12.4.2 another parameter", "gzip;level=1", "gzip;level=1"),
        ("9110 §12.5.3 one twice", "gzip, gzip;q=0", "gzip, gzip;q=0"),
        ("9110 §5.6.2 no token", 'br, "gzip"', 'br, "gzip"'),
        ("longer than any", f"gzip, {'x' * 251}", f"gzip, {'x' * 251}"),
    ),
)
def test_canonical_codings(one: str, canonical: str) -> None:
    assert canonical_codings(one) == canonical
    assert canonical_codings(canonical) == canonical


@pytest.mark.parametrize(
    ("content_encoding", "offered", "made"),
    rows(
        ("9110 §8.4 one", "gzip", SAFARI, "gzip"),
        ("9110 §8.4.1 in another case", " GZIP ", SAFARI, "gzip"),
        ("9110 §12.5.3 none", None, SAFARI, "identity"),
        ("9110 §12.5.3 nothing offered", None, None, "identity"),
        ("9110 §12.5.3 any", "zstd", "*", "zstd"),
        ("9110 §8.4 several", "gzip, br", SAFARI, None),
        ("9110 §8.4 no token", "gzip;q=1", SAFARI, None),
        ("9110 §8.4 no coding", "*", "*", None),
        ("9110 §8.4.1.1 one that nobody makes", "compress", "compress", None),
        ("9110 §12.5.3 one that was not offered", "zstd", SAFARI, None),
        ("9110 §12.5.3 without being offered any", "gzip", None, None),
        ("9110 §12.5.3 one that is refused", "gzip", "gzip;q=0, *", None),
        ("9110 §12.5.3 identity is refused", None, "gzip, identity;q=0", None),
        ("9110 §12.5.3 identity is refused by *", None, "gzip, *;q=0", None),
        ("9110 §12.5.3 no list", "gzip", "gzip gzip", None),
    ),
)
def test_coding_made(content_encoding: str | None, offered: str | None, made: str | None) -> None:
    assert coding_made(content_encoding, offered) == made


@pytest.mark.parametrize(
    ("coding", "offered", "presented", "right"),
    rows(
        ("offered the same", "br", SAFARI, SAFARI, True),
        ("in another order", "br", SAFARI, "br, gzip, deflate", True),
        ("offered less", "br", CHROME, SAFARI, True),
        ("offered this alone", "gzip", CHROME, "gzip", True),
        ("offered more", "br", SAFARI, CHROME, False),
        ("offered another one", "gzip", "gzip, br", "gzip, zstd", False),
        ("offered one that nobody makes", "gzip", "gzip", "gzip, compress, x-gzip", True),
        ("one that nobody makes is preferred", "gzip", "gzip", "gzip;q=0.5, compress", True),
        ("it is not accepted", "br", CHROME, "gzip, deflate", False),
        ("it is refused", "br", CHROME, "gzip, br;q=0", False),
        ("it is preferred", "br", SAFARI, "br;q=1.0, gzip;q=0.8", True),
        ("another is preferred", "gzip", SAFARI, "br;q=1.0, gzip;q=0.8", False),
        ("another was preferred, too", "gzip", "br, gzip;q=0.8", "br, gzip;q=0.5", True),
        ("another was preferred less", "gzip", "br;q=0.5, gzip;q=0.8", "br, gzip", False),
        ("it was preferred, which is why", "br", "br, gzip;q=0.8", "br, gzip", False),
        ("any is accepted", "br", CHROME, "gzip, br, *;q=0.1", False),
        ("any was offered", "gzip", "gzip, *", "gzip, zstd", True),
        ("any was offered, less", "gzip", "gzip, *;q=0.5", "gzip, zstd", False),
        ("any but one was offered", "gzip", "*, br;q=0", "*", False),
        ("any, as then", "br", "*", "*", True),
        ("of any this is one", "br", "*", "br, gzip", True),
        ("none was made", "identity", CHROME, "gzip", True),
        ("none was made: nothing is said", "identity", CHROME, None, True),
        ("none was made: nothing is accepted", "identity", CHROME, "", True),
        ("none was made: it is refused", "identity", CHROME, "gzip, identity;q=0", False),
        ("none was made: it is refused by *", "identity", CHROME, "gzip, *;q=0", False),
        ("none was made: it was preferred", "identity", "identity, gzip;q=0.5", "gzip", False),
        ("none was refused", "gzip", "gzip, identity;q=0", "gzip", False),
        ("nothing was offered", "identity", None, "gzip", False),
        ("nothing was offered: all is refused", "identity", None, "gzip;q=0", True),
        ("nothing is said", "gzip", CHROME, None, False),
        ("no list", "gzip", CHROME, "gzip gzip", False),
        ("longer than any", "gzip", CHROME, f"gzip{' ' * 260}", False),
    ),
)
def test_serves(coding: str, offered: str | None, presented: str | None, right: bool) -> None:
    assert serves(coding, [(canonical_codings(offered or ""), 0)], presented) is right


def test_any_of_several_offers_will_do() -> None:
    offers = [("br,gzip", 0.0), ("gzip,zstd", 0.0)]
    assert serves("gzip", offers, "gzip, br")
    assert serves("gzip", offers, "gzip, zstd")
    assert not serves("gzip", offers, "gzip, zstd, br")
    assert not serves("gzip", [], "gzip")


@pytest.mark.parametrize(
    ("offers", "presented", "now", "learned"),
    rows(
        ("the first", [], "gzip, br", 5, [("br,gzip", 5)]),
        ("nothing offered", [], None, 5, [("", 5)]),
        ("another one", [("br,gzip", 1)], "gzip, zstd", 5, [("br,gzip", 1), ("gzip,zstd", 5)]),
        ("it stands for the other", [("br,gzip", 1)], "gzip, zstd, br", 5, [("br,gzip,zstd", 5)]),
        ("the same once more", [("br,gzip", 1)], "gzip, br", 5, [("br,gzip", 5)]),
        ("the other stands for it", [("br,gzip", 1)], "gzip", 5, [("br,gzip", 1)]),
        ("a day later", [("br,gzip", 1)], "gzip", 86401, [("gzip", 86401)]),
        ("not quite", [("br,gzip", 1)], "gzip", 86400, [("br,gzip", 1)]),
        (
            "no more than eight",
            [(f"gzip,x{number}", number) for number in range(8)],
            "gzip, y",
            9,
            [*((f"gzip,x{number}", number) for number in range(1, 8)), ("gzip,y", 9)],
        ),
    ),
)
def test_learning(
    offers: list[tuple[str, float]],
    presented: str | None,
    now: float,
    learned: list[tuple[str, float]],
) -> None:
    assert learning("gzip", tuple(offers), presented, now) == tuple(learned)


@pytest.mark.parametrize(
    ("coding", "presented", "weight"),
    rows(
        ("9110 §12.4.2 named", "gzip", "gzip;q=0.5", 500),
        ("9110 §12.5.3 among any", "gzip", "*;q=0.3", 300),
        ("9110 §12.5.3 not named", "gzip", "br", 0),
        ("9110 §12.5.3 identity", "identity", "br;q=0.001", 0.5),
        ("9110 §12.5.3 identity, named", "identity", "identity;q=0.2", 200),
        ("9110 §12.5.3 nothing said", "identity", None, 0.5),
        ("9110 §12.5.3 no list", "gzip", "gzip gzip", 0),
    ),
)
def test_rank(coding: str, presented: str | None, weight: float) -> None:
    assert rank(coding, presented) == weight


# ── a model that asks the application each time ────────────────────────────────────────────────

NAMES = ["gzip", "br", "zstd", "deflate"]
Offer = dict[str, int]

weights = st.sampled_from([0, 500, 800, 1000, 1000, 1000])
offers = st.dictionaries(st.sampled_from([*NAMES, "identity", "*"]), weights, max_size=5)


def written(offer: Offer) -> str:
    return ", ".join(f"{name};q={weight / 1000}" for name, weight in offer.items())


def accepted(offer: Offer, name: str) -> float:
    """RFC 9110 §12.5.3, in the words of the section."""
    if name in offer:
        return offer[name]
    if "*" in offer:
        return offer["*"]
    return 0.5 if name == "identity" else 0


def by_weight(made: list[str], offer: Offer) -> str | None:
    """An app that makes these codings: the one with the greatest weight, of several its own first;
    identity last, if nothing is said of it."""
    best = max(made, key=lambda name: accepted(offer, name))
    return best if accepted(offer, best) else None


def by_own_choice(made: list[str], offer: Offer) -> str | None:
    """An app that takes the first of its codings that is accepted, whatever its weight."""
    return next((name for name in made if accepted(offer, name)), None)


@examples(400)
@given(
    made=st.lists(st.sampled_from(NAMES), unique=True, max_size=3),
    app=st.sampled_from([by_weight, by_own_choice]),
    before=offers,
    now=offers,
)
def test_who_is_served_gets_what_the_app_would_give(
    made: list[str], app: Callable[[list[str], Offer], str | None], before: Offer, now: Offer
) -> None:
    chosen = app([*made, "identity"], before)
    coding = coding_made(None if chosen == "identity" else chosen, written(before))
    assert coding == chosen
    if coding and serves(coding, [(canonical_codings(written(before)), 0)], written(now)):
        assert accepted(now, coding)
        assert app([*made, "identity"], now) == coding


@examples(100)
@given(coding=st.sampled_from(NAMES), values=st.lists(latin1_text, max_size=4), last=latin1_text)
def test_no_text_is_a_trouble(coding: str, values: list[str], last: str) -> None:
    learned = learning(coding, tuple((value, 0.0) for value in values), last, 1)
    assert len(learned) <= len(values) + 1
    assert serves(coding, learned, last) in (True, False)
    assert canonical_codings(canonical_codings(last)) == canonical_codings(last)
    assert rank(coding, last) >= 0
    assert coding_made(last, last) is None or "," not in last
