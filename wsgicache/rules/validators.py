"""What tells one state of a resource from another (RFC 9111 §4.3.1; RFC 9110 §8.8)?"""

from __future__ import annotations

from hashlib import blake2b

from wsgicache.rules.dates import parse_date
from wsgicache.rules.fields import is_entity_tag
from wsgicache.rules.model import FieldLines
from wsgicache.rules.response import Response

__all__ = ["app_validators", "conditions", "generated_etag", "is_generated"]

_GENERATED = '"wsgicache-'

_VALIDATED = frozenset({200, 203, 206})
"""Status codes of responses that a 304 can be about (RFC 9110 §15.4.5)."""


def generated_etag(fields: FieldLines, content: bytes) -> str:
    """Return a strong entity tag for *content* as *fields* describe it (RFC 9110 §8.8.3)."""
    described = "".join(
        [
            f"\n{name.lower()}:{value}"
            for name, value in fields
            if (name[:8] in ("Content-", "content-") or name.lower().startswith("content-"))
            and name.lower() != "content-length"  # which the content implies
        ]
    )
    digest = blake2b(content, digest_size=12)
    digest.update(described.encode("latin-1"))
    return f'{_GENERATED}{digest.hexdigest()}"'


def is_generated(etag: str) -> bool:
    """Return whether a cache like this one made *etag*, so that the app does not know it."""
    return etag.startswith(_GENERATED)


def conditions(code: int, etag: str | None, modified: str | None) -> tuple[tuple[str, str], ...]:
    """Return the environ items that make a request about a response conditional (§4.3.1).

    *code*, *etag* and *modified* are its status and its valid validators. There are no items for an
    error or a redirect: a 304 says that there would have been a 200 (RFC 9110 §15.4.5), so it could
    never be about an error.
    """
    if code not in _VALIDATED:
        return ()
    items: list[tuple[str, str]] = []
    if etag is not None and not is_generated(etag):
        items.append(("HTTP_IF_NONE_MATCH", etag))
    if modified is not None:
        items.append(("HTTP_IF_MODIFIED_SINCE", modified))
    return tuple(items)


def app_validators(response: Response) -> tuple[tuple[str, str], ...]:
    """Return the `conditions` for *response*."""
    etag, modified = response.field("etag"), response.field("last-modified")
    return conditions(
        response.code,
        etag if etag is not None and is_entity_tag(etag) else None,
        modified if parse_date(modified, response.wall) is not None else None,
    )
