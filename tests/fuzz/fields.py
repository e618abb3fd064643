"""What is read from fields: Cache-Control, Vary, dates, ranges, entity tags, Host and URLs."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

from tests.fuzz.source import Source
from tests.rules.messages import SAFE, answer, asked
from tests.scene import EPOCH
from wsgicache.purging import key_of
from wsgicache.rules import dates, fields, freshness, keys, storing
from wsgicache.rules import ranges as range_rules
from wsgicache.stores.shared.names import Names, key_of_echo

RESTRICTIVE = ("no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate")
TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+")
NAMES = Names("fuzz")


def members(text: str) -> list[str]:
    """The members of a list without quotes, as everybody would split it."""
    return [member.strip(" \t") for member in text.split(",")]


# ── Cache-Control ────────────────────────────────────────────────────────────────────────────────


def cache_control(data: bytes) -> None:
    """Total; a restrictive word counts wherever and however it stands; more words, less is kept."""
    text = data.decode("latin-1")
    found = fields.parse_cache_control(text)
    for name, argument in found.items():
        assert TOKEN.fullmatch(name), name
        assert argument is None or isinstance(argument, str)
    for word in RESTRICTIVE:
        for more in (f"{text}, {word}", f"{word.upper()} ,{text}"):
            assert word in fields.parse_cache_control(more), (word, more)
    for word in ("private", "no-cache"):
        both = fields.parse_cache_control(f'{text}, {word}="x", {word}')
        assert both[word] is None, "fields named somewhere do not make the rest less private"
    if '"' not in text:
        plainly(text, found)
    request, said = asked(), partial(answer, 200)
    if storing.refusal(request, said(cache_control=f"no-store, {text}"), SAFE) is None:
        assert "must-understand" in found, "no-store was not heard"
    if "must-understand" not in found:
        more_said = said(cache_control=f"{text}, private", expires="0")
        assert storing.refusal(request, more_said, SAFE) is not None
    targeted = fields.parse_targeted(text)
    if targeted is not None:
        for name in ("max-age", "s-maxage"):
            assert fields.delta_seconds(targeted.get(name, "0")) is not None


def plainly(text: str, found: fields.Directives) -> None:
    """Compare with what a naive reader sees in a text without quotes."""
    seconds = []
    for member in members(text):
        name, equals, argument = member.partition("=")
        name, argument = name.rstrip(" \t").lower(), argument.lstrip(" \t")
        if name in RESTRICTIVE:
            assert name in found, (name, text)
            assert found[name] is None or name not in ("private", "no-cache"), "names need quotes"
        if name == "max-age" and equals:
            seconds.append(plain_seconds(argument))
    if seconds:
        response = answer(200, cache_control=text)
        lifetime = freshness.explicit_lifetime(response, freshness.binding(response, SAFE))
        if "s-maxage" not in found:
            assert (lifetime or 0) <= min(seconds), (lifetime, text)


def plain_seconds(text: str) -> int:
    """A number of seconds, or 0 where it is none."""
    if not text or any(digit not in "0123456789" for digit in text):
        return 0
    return 2**31 if len(text.lstrip("0")) > 10 else min(int(text), 2**31)


# ── Vary ─────────────────────────────────────────────────────────────────────────────────────────


def vary(data: bytes) -> None:
    """Lines as the fuzzer breaks them: joined or not they name the same; a star matches nothing."""
    lines = data.decode("latin-1").split("\n")
    found = fields.parse_vary(", ".join(lines))
    named = [name for line in lines for name in members(line) if name]
    if found is None:
        odd = any(not TOKEN.fullmatch(name.lower()) or name == "*" or "_" in name for name in named)
        assert odd or len(named) > fields.MAX_NOMINATED or len(", ".join(lines)) > 8000
        return
    assert found == fields.parse_vary(",".join(lines)) == fields.parse_vary(",".join(lines[::-1]))
    assert "*" not in named
    assert list(found) == sorted({name.lower() for name in named})
    environ = {fields.environ_key(name): f" {name} ,\tx" for name in found}
    for name in environ:
        value = keys.selecting_value(environ, name, False)
        assert value is not None, "a field that is there is not like one that is not"
        assert keys.selecting_value({}, name, False) is None
        changed = {**environ, name: environ[name] + "y"}
        assert keys.selecting_value(changed, name, False) != value
    for line in lines:
        again = keys.without_optional_space(line)
        assert keys.without_optional_space(again) == again, (line, again)


# ── dates ────────────────────────────────────────────────────────────────────────────────────────

CANONICAL = re.compile(
    r"(mon|tue|wed|thu|fri|sat|sun), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) gmt", re.ASCII
)
MONTHS = [name.lower() for name in calendar.month_abbr]


def date(data: bytes) -> None:
    """Total at any time; what is a date is a moment, the one that a naive reader sees."""
    check_date(data.decode("latin-1"))
    source = Source(data)
    parts = [source.text(PARTS) for _ in range(9)]
    for form in FORMS:
        check_date(form.format(*parts))


PARTS = (
    "00 01 02 29 30 31 32 59 60 61 9 0 12 2024 2100 0000 9999 1970 70 99 -1 +1 1_0 \xb2 GMT "
    "Mon Sunday Jan Feb mar NOV Dec foo UTC"
).split()
FORMS: tuple[str, ...] = (
    "Mon, {0} {1} {2} {3}:{4}:{5} GMT",
    "{6}, {0}-{1}-{2} {3}:{4}:{5} {7}",
    "{6}",
    "{6} {7}",
)
FORMS += ("Sunday, {0}-Feb-{2} {3}:{4}:{5} GMT", "Tue Feb {0} {3}:{4}:{5} {2}", "{6} {1} {0} {2}")
FORMS += ("Tue, {0} Feb {2} 00:00:00 GMT", "Tue, 01 Dec 20{0} {3}:{4}:{5} GMT")


def check_date(text: str) -> None:
    for now in (0.0, EPOCH, 2.0**33, -1.0, 1e12, float("inf")):
        found = dates.parse_date(text, now)
        if found is not None:
            assert -62135596800 <= found < 253402300801
            assert found == int(found)
    plain = CANONICAL.fullmatch(text.strip(" \t").lower())
    if plain is None:
        return
    _, day, month, year, *clock = plain.groups()
    hour, minute, second = map(int, clock)
    found = dates.parse_date(text, EPOCH)
    possible = (
        month in MONTHS[1:]
        and int(year)
        and 1 <= int(day) <= calendar.monthrange(int(year), MONTHS.index(month))[1]
        and hour < 24
        and minute < 60
        and second <= 60
    )
    if not possible:
        assert found is None, (text, found)
        return
    when = (int(year), MONTHS.index(month), int(day), hour, minute, min(second, 59))
    assert found == calendar.timegm(when) + (second == 60), (text, found, time.gmtime(found))


# ── ranges ───────────────────────────────────────────────────────────────────────────────────────

LENGTHS = (10, 0, 1, 2, 1000, 2**31, 10**18)


def ranges(data: bytes) -> None:
    """Total; what is sent is inside of the content, no more than it, and what was asked for."""
    source = Source(data)
    length, most = source.pick(LENGTHS), 1 + source.byte() % 20
    text = source.rest().decode("latin-1")
    range_rules.parse_content_range(text)
    for value in (text, f"bytes={text}"):
        found = range_rules.parse_ranges(value, length, most)
        if found is None:
            continue
        assert len(found) <= most
        for first, last in found:
            assert 0 <= first <= last < length, found
        assert sum(last - first + 1 for first, last in found) <= length
        assert found == naive_ranges(value, length), (value, length)
    part = range_rules.parse_content_range(text)
    if part is not None:
        first, last, whole = part
        assert 0 <= first <= last
        assert whole is None or last < whole
        assert part == range_rules.parse_content_range(f"bytes {first}-{last}/{whole or '*'}")


def naive_ranges(value: str, length: int) -> list[tuple[int, int]]:
    """RFC 9110 §14.1.2 of a field that is known to be well-formed."""
    found = []
    for member in members(value.partition("=")[2]):
        if not member or not length:
            continue
        first, _, last = member.partition("-")
        if not first:
            wanted = int(last[-30:]) if len(last.lstrip("0")) < 30 else length
            if wanted:
                found.append((max(0, length - wanted), length - 1))
            continue
        if len(first.lstrip("0")) >= 30 or int(first) >= length:
            continue
        end = length - 1 if not last or len(last.lstrip("0")) >= 30 else min(int(last), length - 1)
        found.append((int(first), end))
    return found


# ── entity tags ──────────────────────────────────────────────────────────────────────────────────


def etag(data: bytes) -> None:
    """Total; what is taken from a list are tags that stand in it, in their order, and all of those
    in a list that has nothing else."""
    text = data.decode("latin-1")
    fields.is_entity_tag(text)
    found = fields.entity_tags(text)
    place = 0
    for tag in found:
        assert fields.is_entity_tag(tag), tag
        place = text.index(tag, place) + len(tag)
        assert fields.weak_match(tag, f"W/{tag.removeprefix('W/')}")
    assert fields.entity_tags(", ".join(found)) == found
    opaque = [tag.removeprefix("W/")[1:-1] for tag in found]
    assert not any('"' in one or " " in one or "\x7f" in one for one in opaque)
    for one, other in pairwise(found):
        same = one.removeprefix("W/") == other.removeprefix("W/")
        assert fields.weak_match(one, other) == fields.weak_match(other, one) == same


# ── Host, targets and URLs ───────────────────────────────────────────────────────────────────────

SCHEMES = ("http", "https")
HOSTS = ("example.org", "EXAMPLE.org:80", "example.org:443", "[::1]:8080", "a", "a.", "a@b", "")
PATHS = ("/", "/a", "/a?b=1", "/a%3Fb=1", "//", "/a/../b", "/caf\xc3\xa9", "*", "")
QUERIES = ("", "b=1", "b=1&c=%3F", "?", "#")


def host_key(data: bytes) -> None:
    """Two targets have one key only if they are the same, and one name in a store then; what names
    a target by URL finds it; no reference leaves the origin."""
    source = Source(data)
    found = []
    for _ in range(2):
        scheme, host = source.pick(SCHEMES), source.text(HOSTS)
        path, query = source.text(PATHS), source.text(QUERIES)
        environ = {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
        key = keys.target_key({**environ, "PATH_INFO": path, "QUERY_STRING": query})
        if key is not None:
            found.append(key)
            assert key[2:] == (path, query)
            check_host(scheme, host, key[1])
            echo = NAMES.of("entry", *key).echo
            assert key_of_echo(echo) == key
    if len(found) == 2:
        one, other = (NAMES.of("entry", *key) for key in found)
        assert (one == other) == (one.text == other.text) == (found[0] == found[1])
    text = source.rest().decode("latin-1")
    by_url = keys.key_of_url(text)
    if by_url is not None:
        check_host(by_url[0], text.partition("//")[2], by_url[1])
    try:
        purged = key_of(text)
    except ValueError:  # no URL of a page
        pass
    else:
        check_host(purged[0], purged[1], purged[1])
        assert purged[2][:1] == "/"
    for key in found:
        key_there = keys.same_origin_key(key, text)
        assert key_there is None or (key_there[:2] == key[:2] and key_there[2][:1] == "/")


def check_host(scheme: str, given: str, host: str) -> None:
    """A host is lower case, plain, without the port that goes without saying, and stays itself."""
    assert re.fullmatch(r"[a-z0-9._-]+(:[0-9]+)?|\[[0-9a-f:.]+\](:[0-9]+)?", host), host
    assert not host.endswith({"http": ":80", "https": ":443"}[scheme])
    assert keys.canonical_host(scheme, host) == host
    assert given.lower().startswith(host), (given, host)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "cache_control": cache_control,
    "vary": vary,
    "date": date,
    "range": ranges,
    "etag": etag,
    "host_key": host_key,
}
