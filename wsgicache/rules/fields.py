"""What does a field value say, and how is it written (RFC 9110 §5, 9111 §5)?

Every parser here is total: any ``str`` has a value, nothing is raised, and the time is linear in
the length of the text. Only ASCII digits are digits, only space and tab are white space.
"""

from __future__ import annotations

import re

from wsgicache.rules.bounds import LONGEST, Remembered

__all__ = [
    "MAX_DELTA_SECONDS", "NO_DIRECTIVES", "TOKEN", "TOO_LONG", "Directives",
    "are_field_names", "delta_seconds", "dictionary", "entity_tags", "environ_key", "field_names",
    "is_entity_tag", "is_structured_list", "nominated_keys", "parse_age", "parse_cache_control",
    "parse_targeted", "parse_vary", "says", "string", "weak_match", "written",
]  # fmt: skip

Directives = dict[str, str | None]
"""Parsed Cache-Control: directive names in lower case, and their arguments."""

NO_DIRECTIVES: Directives = {}

MAX_DELTA_SECONDS = 2**31
"""The value that stands for any larger number of seconds (§1.2.2)."""

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TOKEN = re.compile(TOKEN)
_TOKEN_LINES = re.compile(rf"(?:{TOKEN}\n)*")

# ── Cache-Control (§5.2) ───────────────────────────────────────────────────────────────────────

# A member runs to the next comma outside quotes; an unterminated quote runs to the end.
_MEMBER = re.compile(r'(?:[^,"]++|"(?:[^"\\]++|\\.?)*+"?)++', re.DOTALL)
_DIRECTIVE = re.compile(rf'({TOKEN})(?:=(?:"((?:[^"\\]++|\\.)*+)"|({TOKEN})))?', re.DOTALL)
_NAMED = re.compile(rf"({TOKEN})[ \t]*=")
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

_FIELD_LISTS = frozenset({"private", "no-cache"})
_RESTRICTIVE = frozenset(
    {"no-store", "private", "no-cache", "must-revalidate", "proxy-revalidate", "must-understand"}
)
_SHORTEST = frozenset(
    {"max-age", "s-maxage", "max-stale", "stale-while-revalidate", "stale-if-error"}
)


_ODD = " "
"""Begins an argument that was read leniently: no number begins so, so it gives no time."""


TOO_LONG: Directives = {"no-store": None}
"""Stands for the directives of a value too long to read."""


def parse_cache_control(value: str) -> Directives:
    """Return the directives of a Cache-Control field value (§5.2), unknown ones included.

    Names are case-insensitive. Of duplicates the more restrictive counts: the smallest number of
    seconds, ``private`` without field names before ``private="x"``, an argument before none. Each
    restrictive word in a malformed member counts as a directive. Members read so leniently may
    forbid, but permit nothing (`says`). Never change the result: callers share it.
    """
    return _remembered[value]


def _parsed(value: str) -> Directives:
    if len(value) > LONGEST:
        return TOO_LONG
    directives: Directives = {}
    for found in _MEMBER.finditer(value):
        member = found[0].strip(" \t")
        if not member:
            continue
        directive = _DIRECTIVE.fullmatch(member)
        if directive is not None:
            name = directive[1].lower()
            quoted, token = directive[2], directive[3]
            argument = token if quoted is None else _QUOTED_PAIR.sub(r"\1", quoted)
            if name in _FIELD_LISTS:
                # The token form names no fields: senders must quote them (§5.2.2.4, §5.2.2.7).
                # Without a valid list the directive is about the whole response.
                names = None if quoted is None else field_names(argument)
                argument = ",".join(names) if names else None
            _say(directives, name, argument)
            continue
        if (named := _NAMED.match(member)) is not None and named[1].lower() not in _RESTRICTIVE:
            _say(directives, named[1].lower(), _ODD + member[named.end() :].strip(" \t"))
        for word in map(str.lower, _TOKEN.findall(member)):
            if word in _RESTRICTIVE:
                _say(directives, word, None if word in _FIELD_LISTS else _ODD)
    return directives


def says(directives: Directives, name: str) -> bool:
    """Return whether the directive *name* is there, well-formed and without an argument.

    Only then does it permit anything.
    """
    return directives.get(name, "") is None


_remembered = Remembered(_parsed, 1024)  # PERF: 0.05 µs instead of 4


def _say(directives: Directives, name: str, argument: str | None) -> None:
    if name not in directives:
        directives[name] = argument
        return
    earlier = directives[name]
    if name in _FIELD_LISTS:
        both = earlier is not None and argument is not None
        directives[name] = f"{earlier},{argument}" if both else None
    elif name in _SHORTEST:
        directives[name] = min(earlier, argument, key=lambda said: _seconds(name, said))
    elif earlier is None:
        directives[name] = argument


def _seconds(name: str, argument: str | None) -> int:
    """Return the seconds that *argument* allows: 0 if invalid, no limit for a bare max-stale."""
    if name == "max-stale" and argument is None:
        return MAX_DELTA_SECONDS + 1
    seconds = delta_seconds(argument)
    return -1 if seconds is None else seconds


def field_names(value: str | None) -> tuple[str, ...] | None:
    """Return a list of field names in lower case (RFC 9110 §5.6.1), or None if it is not one."""
    if value is None:
        return None
    names = [name for part in value.split(",") if (name := part.strip(" \t"))]
    if not all(map(_TOKEN.fullmatch, names)):
        return None
    return tuple(name.lower() for name in names)


def are_field_names(lines: str) -> bool:
    """Return whether each of *lines* (each with its line end) is a field name (RFC 9110 §5.1)."""
    return _TOKEN_LINES.fullmatch(lines) is not None


def delta_seconds(argument: str | None) -> int | None:
    """``1*DIGIT`` as seconds, at most 2^31 (§1.2.2); None for anything else."""
    # PERF: ASCII digits without a regular expression, 0.15 µs instead of 0.4.
    if argument is None or not (argument.isascii() and argument.isdigit()):
        return None
    if len(argument) < 10:
        return int(argument)
    digits = argument.lstrip("0")
    return MAX_DELTA_SECONDS if len(digits) > 10 else min(int(digits or "0"), MAX_DELTA_SECONDS)


# ── Targeted fields (RFC 9213) ─────────────────────────────────────────────────────────────────

_SECONDS = _SHORTEST | {"min-fresh"}
_FLAGS = frozenset(
    {
        "no-store",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "public",
        "immutable",
        "no-transform",
    }
)


def parse_targeted(value: str) -> Directives | None:
    """Return the directives of a targeted field (RFC 9213 §2.1), or None if it must be ignored.

    It is a Dictionary of structured fields. It says nothing if it does not parse, is empty, or
    gives a known directive a value of the wrong type. One too long to read is `TOO_LONG`.
    """
    if len(value) > LONGEST:
        return TOO_LONG
    import http_sf

    try:
        members = http_sf.parse(value.encode("latin-1"), tltype="dictionary")
    except Exception:  # the parser's own errors, and others that odd bytes may cause
        return None
    if not isinstance(members, dict) or not members:
        return None
    directives: Directives = {}
    for name, member in members.items():
        argument = member[0] if isinstance(member, tuple) else member
        if name in _SECONDS:
            if type(argument) is not int or argument < 0:
                return None
            directives[name] = str(argument)
        elif name in _FLAGS:
            if argument is not True:
                return None
            directives[name] = None
        elif name in _FIELD_LISTS:
            if argument is not True and not isinstance(argument, str):
                return None
            names = None if argument is True else field_names(str(argument))
            directives[name] = ",".join(names) if names else None
        else:
            directives[name] = None
    return directives


def is_structured_list(value: str) -> bool:
    """Return whether *value* is a List of structured fields with a member (RFC 9651 §3.1)."""
    import http_sf

    try:
        return len(value) <= LONGEST and bool(http_sf.parse(value.encode("latin-1"), tltype="list"))
    except Exception:  # as above
        return False


# ── Age, Vary, entity tags ─────────────────────────────────────────────────────────────────────


def parse_age(value: str | None) -> int:
    """Return an Age field value in seconds: its first member, or 0 if that is invalid (§5.1)."""
    if value is None:
        return 0
    return delta_seconds(value.partition(",")[0].strip(" \t")) or 0


MAX_NOMINATED = 16
_MAX_VARY = 8192


def parse_vary(value: str) -> tuple[str, ...] | None:
    """Return the nominated fields, sorted, in lower case, or None if none can match.

    None stands for a member ``*`` at any place, for anything but a list of field names, and for too
    many names (RFC 9110 §12.5.5). In a WSGI environ an underscore looks like a dash, so a name with
    one matches nothing either.
    """
    return _remembered_names[value]


def _nominated(value: str) -> tuple[str, ...] | None:
    if len(value) > _MAX_VARY:
        return None
    names = field_names(value)
    if names is None or len(names) > MAX_NOMINATED:
        return None
    if any(name == "*" or "_" in name for name in names):
        return None
    return tuple(sorted(set(names)))


_remembered_names = Remembered(_nominated, 1024)


def environ_key(field_name: str) -> str:
    """Return the environ key of a request field (PEP 3333)."""
    key = field_name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key


def nominated_keys(value: str) -> tuple[str, ...]:
    """Return the environ keys of what Vary names, sorted; none if no request can match it."""
    return _remembered_keys[value]


_remembered_keys: Remembered[str, tuple[str, ...]] = Remembered(
    lambda value: tuple(sorted(map(environ_key, _nominated(value) or ()))), 1024
)


_ENTITY_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*+"')


def is_entity_tag(value: str) -> bool:
    """Whether *value* is one well-formed entity tag (RFC 9110 §8.8.3)."""
    return _ENTITY_TAG.fullmatch(value) is not None


def entity_tags(value: str) -> list[str]:
    """Return the entity tags in If-None-Match (RFC 9110 §13.1.2), however separated."""
    return _ENTITY_TAG.findall(value)


def weak_match(one: str, other: str) -> bool:
    """Compare two entity tags weakly (RFC 9110 §8.8.3.2)."""
    return one.removeprefix("W/") == other.removeprefix("W/")


# ── Values to text (RFC 9111 §5.2, RFC 9213, RFC 9651) ───────────────────────────────────────────


def written(directives: Directives) -> str:
    """Return *directives* as a Cache-Control field value (§5.2)."""
    return ", ".join(
        name if argument is None else f"{name}={_argument(name, argument)}"
        for name, argument in directives.items()
    )


def _argument(name: str, argument: str) -> str:
    # private and no-cache name fields in a quoted string only (§5.2.2.4, §5.2.2.7).
    if name in ("private", "no-cache") or _TOKEN.fullmatch(argument) is None:
        return string(argument)
    return argument


def dictionary(directives: Directives) -> str:
    """Return *directives* as a targeted field value, a Dictionary (RFC 9213 §2.1)."""
    return ", ".join(
        name
        if argument is None
        else f"{name}={argument if delta_seconds(argument) is not None else string(argument)}"
        for name, argument in directives.items()
    )


def string(text: str) -> str:
    """Return *text* as a String of structured fields, also a quoted string (RFC 9651 §3.3.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
