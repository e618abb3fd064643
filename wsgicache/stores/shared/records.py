r"""Records: entries as bytes, for stores outside this process.

A record is ``wsgicache 3``, a digest of all that follows, two lengths, the echo of its name, a head
in JSON and the contents, one after the other::

    "wsgicache 3\n"  digest (20)  len(echo) (4)  len(head) (4)  echo  head  contents

The digest is BLAKE2b, keyed if the store has a secret. Anything that is not exactly so is no
record. Reading one never raises, executes nothing, and makes nothing larger than what was read.

Records have times of the wall clock, which other machines share; *skew* is how far it is ahead
of this cache's clock, in seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Any

from wsgicache.rules.conditional import not_modified_fields
from wsgicache.rules.entries import softened
from wsgicache.rules.fields import MAX_DELTA_SECONDS, are_field_names
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores.shared.apart import NUMBERS as _NUMBER
from wsgicache.stores.shared.apart import Apart, kept_of, kind_in, number_of, read_row, row_of

__all__ = ["AHEAD", "MAGIC", "LateEntry", "begun", "echo_of", "pack", "seal", "unpack", "unseal"]

MAGIC = b"wsgicache 3\n"
_DIGEST = 20
_LENGTHS = Struct(">II")
_BEFORE_ECHO = len(MAGIC) + _DIGEST + _LENGTHS.size

AHEAD = 5.0
"""Most seconds that another machine's clock may be ahead; a later response is not used."""

# ── Records ────────────────────────────────────────────────────────────────────────────────────


def seal(
    echo: bytes, head: object, contents: Iterable[bytes | memoryview] = (), secret: bytes = b""
) -> bytes:
    """Return the record of *head* and *contents*. Raises ValueError if JSON cannot express it."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode("ascii")
    parts = [_LENGTHS.pack(len(echo), len(text)), echo, text, *contents]
    digest = blake2b(digest_size=_DIGEST, key=secret)
    for part in parts:
        digest.update(part)
    return b"".join([MAGIC, digest.digest(), *parts])


def unseal(record: object, echo: bytes, secret: bytes = b"") -> tuple[Any, int] | None:
    """Return the head of *record*, and where its contents begin, or None if *echo* differs."""
    if not isinstance(record, bytes) or not record.startswith(MAGIC):
        return None
    body = memoryview(record)[len(MAGIC) + _DIGEST :]
    if len(record) < _BEFORE_ECHO:
        return None
    digest = blake2b(body, digest_size=_DIGEST, key=secret).digest()
    if not compare_digest(digest, record[len(MAGIC) : len(MAGIC) + _DIGEST]):
        return None
    echo_length, head_length = _LENGTHS.unpack_from(body)
    begin = _BEFORE_ECHO + echo_length
    contents = begin + head_length
    if record[_BEFORE_ECHO:begin] != echo or contents > len(record):
        return None
    try:
        return json.loads(record[begin:contents], parse_constant=_no_number), contents
    except (ValueError, RecursionError):
        return None


def echo_of(record: object) -> bytes | None:
    """Return the echo in what looks like a record; the rest is not checked."""
    if not isinstance(record, bytes) or not record.startswith(MAGIC):
        return None
    if len(record) < _BEFORE_ECHO:
        return None
    length, _ = _LENGTHS.unpack_from(record, len(MAGIC) + _DIGEST)
    return record[_BEFORE_ECHO : _BEFORE_ECHO + length]


def begun(record: memoryview) -> tuple[bytes, bytes]:
    """Return the echo and the head in what looks like a record; nothing is checked."""
    if len(record) < _BEFORE_ECHO or record[: len(MAGIC)] != MAGIC:
        return b"", b""
    echo, head = _LENGTHS.unpack_from(record, len(MAGIC) + _DIGEST)
    rest = record[_BEFORE_ECHO:]
    return bytes(rest[:echo]), bytes(rest[echo : echo + head])


def _no_number(text: str) -> None:
    raise ValueError(text)


# ── Entries ────────────────────────────────────────────────────────────────────────────────────

_TEXT, _FLAG = (str,), (bool,)
_ALIKE: dict[str, tuple[type, ...]] = {
    "status": _TEXT,
    "length": (int,),
    "freshness_lifetime": _NUMBER,
    "refresh_age": _NUMBER,
    "no_cache": _FLAG,
    "must_revalidate": _FLAG,
    "shareable": _FLAG,
    "for_cookies": _FLAG,
    "stale_while_revalidate": _NUMBER,
    "stale_if_error": _NUMBER,
    "etag": (str, type(None)),
    "last_modified": (str, type(None)),
    "modified_at": _NUMBER,
    "strong_date": _FLAG,
    "cache_status": _TEXT,
    "born": (int,),
}
"""The attributes that a record holds as they are, and their types."""

_MAYBE = ("mark", "asked_by", "route", "presented")
"""Texts that a record holds unless they are empty."""
_FIELD_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_STATUS = re.compile(r"[2-5][0-9]{2}(?: .*)?")
_EMPTY = ("204", "304")
"""Statuses without content (RFC 9110 §6.4.1)."""
_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE"})


def pack(entry: CacheEntry, echo: bytes, skew: float, secret: bytes = b"") -> bytes:
    """Return *entry* as a record.

    Its responses are filed under digests, and each has its content at hand or *kept* elsewhere.
    Raises ValueError for what JSON cannot express.
    """
    contents: list[bytes] = []
    responses: list[dict[str, Any]] = []
    rows: list[tuple[Any, ...]] = []
    for selector, stored in entry.responses.items():
        if isinstance(stored, Apart):
            rows.append(row_of(selector, stored, skew))
            continue
        said: dict[str, Any] = {name: getattr(stored, name) for name in _ALIKE}
        said["selector"] = selector
        said["generated_at"] = stored.generated_at + skew
        said["fields"] = stored.fields
        # A line in both lists is written once.
        places = {id(line): place for place, line in enumerate(stored.fields)}
        unchanged = stored.not_modified or not_modified_fields(stored)
        said["not_modified"] = [places.get(id(line), line) for line in unchanged]
        said["validators"] = stored.validators
        said["span"] = stored.span
        said["groups"] = stored.groups
        said["kept"] = stored.kept
        said["named"], coding = stored.kind
        if coding is not None:
            said["coding"] = coding
            said["offers"] = [(offer, since + skew) for offer, since in stored.offers]
        if stored.withheld:
            said["withheld"] = stored.withheld
        for name in _MAYBE:
            if text := getattr(stored, name):
                said[name] = text
        if stored.fill_seconds:
            said["fill_seconds"] = stored.fill_seconds
        if stored.least_age:
            said["least_age"] = stored.least_age
        if stored.softened_at != NEVER:
            said["softened_at"] = stored.softened_at + skew
        if stored.content is not None:
            said["kept"] = None
            contents.append(stored.content)
        responses.append(said)
    emptied_at = None if entry.emptied_at == NEVER else entry.emptied_at + skew
    head: dict[str, Any] = {"emptied_at": emptied_at, "responses": responses}
    if rows:
        head["apart"] = rows
    return seal(echo, head, contents, secret)


class LateEntry(CacheEntry):
    """What is left of *entry* where this clock is late.

    *left_out* responses are by a clock that is *ahead* by so many seconds.
    """

    __slots__ = ("_left_out", "ahead")

    def __init__(self, entry: CacheEntry, left_out: int, ahead: float) -> None:
        super().__init__(entry.responses, entry.emptied_at, entry.salt)
        self._left_out = left_out
        self.ahead = ahead

    @property
    def left_out(self) -> int:
        """How many responses there are by another clock."""
        return self._left_out


def unpack(
    record: object, echo: bytes, skew: float, now: float, salt: bytes, secret: bytes = b""
) -> CacheEntry | None:
    """Return the entry in *record*, by a clock that says *now*, or None if it is not of *echo*.

    A response from the future (by more than `AHEAD` seconds) is left out, which the entry says; one
    from less far ahead counts as of now.
    """
    opened = unseal(record, echo, secret)
    if opened is None or not isinstance(record, bytes):
        return None
    head, offset = opened
    try:
        emptied_at = NEVER if head["emptied_at"] is None else number_of(head["emptied_at"]) - skew
        rows = [read_row(row, skew, now) for row in head.get("apart", ())]
        responses: dict[Any, StoredResponse] = dict(rows)
        late: list[float] = []
        for said in head["responses"]:
            selector = said.pop("selector")
            generated_at = number_of(said.pop("generated_at")) - skew
            content = None
            if said["kept"] is None:
                content = record[offset : offset + said["length"]]
                offset += said["length"]
            softened_at = said.pop("softened_at", None)
            stored = _stored(said, content, min(generated_at, now), skew)
            if softened_at is not None:
                # If another clock was ahead of ours, the moment may seem to lie in the future.
                stored = softened(stored, min(number_of(softened_at) - skew, now))
            if generated_at <= now + AHEAD:
                responses[selector] = stored
            else:
                late.append(generated_at - now)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
    if offset != len(record):
        return None
    entry = CacheEntry(responses, emptied_at, salt)
    return LateEntry(entry, len(late), max(late)) if late else entry


def _stored(
    said: dict[str, Any], content: bytes | None, generated_at: float, skew: float
) -> StoredResponse:
    """Return one response of a record. Raises what wrong types raise, or ValueError."""
    for name, types in _ALIKE.items():
        value = said[name]
        if type(value) not in types:
            raise ValueError(name)
        if types is _NUMBER or types == (int,):
            number_of(value)
    fields = [(name, value) for name, value in said.pop("fields")]
    validators = tuple([(key, value) for key, value in said.pop("validators")])
    not_modified = [
        fields[line] if type(line) is int else (line[0], line[1])
        for line in said.pop("not_modified")
    ]
    groups = tuple(said.pop("groups"))
    withheld = [(name, value) for name, value in said.pop("withheld", ())]
    maybe = {name: said.pop(name, "") for name in _MAYBE}
    least_age = said.pop("least_age", 0)
    fill_seconds = number_of(said.pop("fill_seconds", 0))
    names = "".join([f"{name}\n" for name, _ in (*fields, *not_modified, *withheld)])
    texts = [text for line in fields for text in line]
    texts += [text for line in withheld for text in line]
    texts += [text for line in not_modified for text in line]
    texts += [value for _, value in validators]
    texts += (*groups, said["cache_status"], said["status"])
    if (
        not are_field_names(names)
        or _FIELD_TEXT.fullmatch("".join(texts)) is None
        or _STATUS.fullmatch(said["status"]) is None
        or not _CONDITIONS.issuperset([key for key, _ in validators])
        or any(type(text) is not str for text in maybe.values())
        or type(least_age) is not int
        or not 0 <= least_age <= MAX_DELTA_SECONDS
        or fill_seconds < 0
        or said["length"] < 0
        or (said["length"] > 0 and said["status"].startswith(_EMPTY))
        or (content is not None and len(content) != said["length"])
    ):
        raise ValueError("no stored response")
    span = _span(said.pop("span"), said["length"])
    kept = kept_of(said.pop("kept"))
    kind = kind_in(said.pop("named"), said.pop("coding", None))
    offers = tuple([(text, number_of(at) - skew) for text, at in said.pop("offers", ())])
    if "".join([text for text, _ in offers]) and kind[1] is None:
        raise ValueError("offers")
    if said.keys() != _ALIKE.keys():
        raise ValueError("members that are not a record's to set")
    return StoredResponse(
        fields=fields,
        not_modified=not_modified,
        content=content,
        generated_at=generated_at,
        validators=validators,
        groups=groups,
        withheld=withheld,
        **maybe,
        fill_seconds=fill_seconds,
        least_age=least_age,
        span=span,
        kept=kept,
        kind=kind,
        offers=offers,
        **said,
    )


def _span(value: Any, bytes_held: int) -> tuple[int, int, int | None] | None:
    if value is None:
        return None
    first, last, length = value
    if not type(first) is type(last) is int or type(length) not in (int, type(None)):
        raise ValueError(value)
    if first < 0 or last - first + 1 != bytes_held or (length is not None and length <= last):
        raise ValueError(value)
    return first, last, length
