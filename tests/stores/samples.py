"""Entries to put into stores, and how to compare them.

``python -m tests.stores.samples`` writes the golden records of a new version of the format; those
of an old one are never written again.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from wsgicache.rules.keys import Key, digested
from wsgicache.rules.model import NEVER, CacheEntry, StoredResponse
from wsgicache.stores.shared.names import FORMAT, Name, Names
from wsgicache.stores.shared.records import pack

GOLDEN = Path(__file__).parent / "shared" / "golden"
NOW = 1_700_000_000.0
SALT = b"salt"
SECRET = b"sixteen bytes or more"
KEY: Key = ("https", "example.org", "/caf\xc3\xa9?a\r\n", "b=1&c=%3F")


def response(content: bytes | None = b"hello", **changes: Any) -> StoredResponse:
    """A stored response like any other."""
    length = changes.pop("length", len(content or b""))
    fields = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "max-age=60"),
        ("ETag", '"v1"'),
        ("X-Odd", 'caf\xe9\t\\ " {}[]'),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Content-Length", str(length)),
    ]
    values: dict[str, Any] = {
        "status": "200 OK",
        "fields": fields,
        "not_modified": [*fields[1:4], ("Only-Here", "1")],
        "content": content,
        "length": length,
        "generated_at": NOW - 5.25,
        "freshness_lifetime": 60,
        "refresh_age": 60,
        "no_cache": False,
        "must_revalidate": False,
        "shareable": True,
        "for_cookies": True,
        "stale_while_revalidate": 0,
        "stale_if_error": 30.0,
        "etag": '"v1"',
        "last_modified": None,
        "modified_at": NOW - 5,
        "strong_date": False,
        "validators": (("HTTP_IF_NONE_MATCH", '"v1"'),),
        "cache_status": "wsgicache",
    }
    return StoredResponse(**{**values, **changes})


def entry(*stored: StoredResponse, emptied_at: float = NEVER, salt: bytes = SALT) -> CacheEntry:
    """An entry of *stored*, each under an Accept-Language of its own."""
    named = ("HTTP_ACCEPT_LANGUAGE",)
    responses: dict[Any, StoredResponse] = {
        digested((None, None, None, "", named, f"x-{number}"), salt): one
        for number, one in enumerate(stored)
    }
    for one in stored:
        one.kind = one.kind if one.offers else (named, None)
    return CacheEntry(responses, emptied_at, salt)


def told(found: CacheEntry | None) -> Any:
    """All that an entry says, comparable."""
    if found is None:
        return None
    stored = {
        selector: {
            field.name: getattr(one, field.name)
            for field in dataclasses.fields(one)
            if field.name not in ("aged", "asked_at", "at_once", "plain_until", "weight")
        }
        for selector, one in found.responses.items()
    }
    return found.kinds, found.emptied_at, found.salt, stored


def name(key: Key = KEY) -> Name:
    return Names("golden").of("entry", *key)


GOLDEN_ENTRIES: dict[str, tuple[CacheEntry, bytes]] = {
    "plain": (entry(response()), b""),
    "signed": (entry(response()), SECRET),
    "varied": (
        entry(
            response(b"", status="204 No Content", etag=None, validators=(), born=7),
            response(
                bytes(range(256)),
                groups=("a b", "\xe9"),
                no_cache=True,
                must_revalidate=True,
                strong_date=True,
                last_modified="Tue, 14 Nov 2023 22:13:20 GMT",
            ),
            response(b"345", status="206 Partial Content", span=(3, 5, None)),
            emptied_at=NOW - 100,
        ),
        b"",
    ),
    "coded": (
        entry(
            response(
                kind=(("HTTP_ACCEPT_ENCODING",), "gzip"),
                offers=(("br;q=0.5,gzip", NOW - 9), ("", NOW)),
            )
        ),
        b"",
    ),
    "pieces": (entry(response(None, length=3_000_000, kept=("0" * 32, 1_000_000))), b""),
    "emptied": (CacheEntry({}, NOW - 1, SALT), b""),
}
"""What the golden records say, and the secret they are signed with."""


def record(case: str) -> bytes:
    """The golden record of *case* as this version writes it."""
    made, secret = GOLDEN_ENTRIES[case]
    return pack(made, name().echo, 0.25, secret)


if __name__ == "__main__":
    for case in GOLDEN_ENTRIES:
        path = GOLDEN / f"{FORMAT}-{case}.record"
        if not path.exists():
            path.write_bytes(record(case))
            print("wrote", path)
