"""Follow what frameworks copy of an environ to where the app reads it by name.

Django copies all fields for ``request.headers``, and each framework parses all cookies for one of
them. So the attributes that hold such copies return watched ones, while an app is audited.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from wsgicache.rules.fields import environ_key
from wsgicache.why.watching import Reads

__all__ = ["followed"]

_COPIES = (
    ("django.http.request", "HttpRequest", "headers", False),
    ("django.core.handlers.wsgi", "WSGIRequest", "COOKIES", True),
    ("werkzeug.sansio.request", "Request", "cookies", True),
    ("bottle", "BaseRequest", "cookies", True),
    ("falcon.request", "Request", "headers", False),
    ("falcon.request", "Request", "headers_lower", False),
    ("falcon.request", "Request", "cookies", True),
    ("webob.request", "BaseRequest", "cookies", True),
)
"""Module, class and attribute of each copy, and whether it is one of cookies."""
_MARK = "_is_watched_by_wsgicache"
_ASKED_BY_NAME = (("falcon.request", "Request", "get_cookie_values"),)
"""Methods that take the name of a cookie."""
_EAGER = (("werkzeug.wrappers.request", "Request", "__init__"),)
"""Methods that read what perhaps is not needed."""
_STRICT = (("webob.request", "BaseRequest", "__init__"),)
"""Methods that take an environ, and refuse one that is watched."""
_ATTRIBUTES = (("werkzeug.sansio.request", "Request", "remote_addr", "REMOTE_ADDR"),)
"""Attributes that they set, and the environ key of each."""


def _flasks_name() -> str:
    return str(sys.modules["flask"].current_app.config["SESSION_COOKIE_NAME"])


def _djangos_name() -> str:
    return str(sys.modules["django.conf"].settings.SESSION_COOKIE_NAME)


_SESSIONS: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("flask.sessions", "SecureCookieSession", _flasks_name),
    ("django.contrib.sessions.backends.base", "SessionBase", _djangos_name),
)
"""Sessions, which read their cookie earlier than the app asks for them, and its name."""


@contextmanager
def followed(reads: Reads) -> Iterator[None]:
    """Follow meanwhile what the frameworks that are loaded copy, and tell *reads*."""
    with ExitStack() as stack:
        for module, kind, name, of_cookies in _COPIES:
            owner = getattr(sys.modules.get(module), kind, None)
            if owner is not None and name in vars(owner):
                copy = _Copy(vars(owner)[name], name, reads, of_cookies)
                stack.enter_context(_instead(owner, name, copy))
        changed = ((_ASKED_BY_NAME, _asking), (_EAGER, _quiet), (_STRICT, _deceived))
        for names, instead in changed:
            for module, kind, name in names:
                owner = getattr(sys.modules.get(module), kind, None)
                if owner is not None and name in vars(owner):
                    method = instead(vars(owner)[name], reads)
                    stack.enter_context(_instead(owner, name, method))
        for module, kind, naming in _SESSIONS:
            owner = getattr(sys.modules.get(module), kind, None)
            for name in ("__getitem__", "__contains__", "get"):
                if owner is not None:
                    method = _of_session(getattr(owner, name), naming, reads)
                    stack.enter_context(_instead(owner, name, method))
        for module, kind, name, key in _ATTRIBUTES:
            owner = getattr(sys.modules.get(module), kind, None)
            if owner is not None:
                stack.enter_context(_instead(owner, name, _Attribute(name, key, reads)))
        yield


@contextmanager
def _instead(owner: type, name: str, other: object) -> Iterator[None]:
    is_there, before = name in vars(owner), vars(owner).get(name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        if is_there:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _quiet(method: Callable[..., Any], reads: Reads) -> Callable[..., Any]:
    def run(self: object, *rest: Any, **options: Any) -> Any:
        with reads.following():
            return method(self, *rest, **options)

    return run


def _deceived(method: Callable[..., Any], reads: Reads) -> Callable[..., Any]:
    def run(self: Any, environ: dict[str, Any], *rest: Any, **options: Any) -> None:
        with reads.following():
            plain = {**environ}
        method(self, plain, *rest, **options)
        self.__dict__["environ"] = environ

    return run


def _of_session(
    method: Callable[..., Any], naming: Callable[[], str], reads: Reads
) -> Callable[..., Any]:
    def get(self: object, *rest: Any, **options: Any) -> Any:
        reads.note(f"cookie {naming()}")
        return method(self, *rest, **options)

    return get


class _Attribute:
    """A descriptor for an attribute of each object, which notes that it is read."""

    def __init__(self, name: str, key: str, reads: Reads) -> None:
        self._name = name
        self._key = key
        self._reads = reads

    def __get__(self, request: Any, owner: type) -> Any:
        if request is None:
            return self
        self._reads.note(self._key)
        try:
            return request.__dict__[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, request: Any, value: Any) -> None:
        request.__dict__[self._name] = value


def _asking(method: Callable[..., Any], reads: Reads) -> Callable[..., Any]:
    def get(self: object, name: str, *rest: Any) -> Any:
        reads.note(f"cookie {name}")
        with reads.following():
            return method(self, name, *rest)

    return get


class _Copy:
    """A descriptor in place of *original*, whose mapping is watched."""

    def __init__(self, original: Any, name: str, reads: Reads, of_cookies: bool) -> None:
        self._original = original
        self._name = name
        self._reads = reads
        self._of_cookies = of_cookies

    def __get__(self, request: Any, owner: type) -> Any:
        if request is None:
            return self._original
        kept = getattr(request, "__dict__", {})
        if self._name in kept:
            found = kept[self._name]
        else:
            with self._reads.following():
                found = self._original.__get__(request, owner)
        if hasattr(type(found), _MARK):
            return found
        watched = _watched(found, self._reads, self._of_cookies)
        if self._name in kept:
            kept[self._name] = watched
        return watched

    def __set__(self, request: Any, value: Any) -> None:
        if hasattr(self._original, "__set__"):
            self._original.__set__(request, value)
        else:
            request.__dict__[self._name] = value


_BY_NAME = ("__getitem__", "__contains__", "get", "getlist", "getall", "getone", "getunicode")
_AT_ONCE = (
    *("__iter__", "keys", "values", "items", "lists", "copy"),
    *("allitems", "iterallitems", "decode", "to_dict", "__or__", "__ror__"),
)
"""Methods of mappings that take a name, and those that return all."""


def _watched(found: Any, reads: Reads, of_cookies: bool) -> Any:
    """Return the mapping *found*, with its kind's methods, but watched."""
    kind = type(found)
    noting = reads.note_cookies if of_cookies else reads.note_copy

    def by_name(method: Callable[..., Any]) -> Callable[..., Any]:
        def read(self: object, name: object, *rest: Any, **options: Any) -> Any:
            if isinstance(name, str):
                reads.note(f"cookie {name}" if of_cookies else environ_key(name))
            with reads.following():
                return method(self, name, *rest, **options)

        return read

    def at_once(method: Callable[..., Any]) -> Callable[..., Any]:
        def read(self: object, *rest: Any, **options: Any) -> Any:
            noting()
            with reads.following():
                return method(self, *rest, **options)

        return read

    methods: dict[str, Any] = {_MARK: True}
    for names, noted in ((_BY_NAME, by_name), (_AT_ONCE, at_once)):
        methods |= {name: noted(getattr(kind, name)) for name in names if hasattr(kind, name)}
    watched = type(f"Watched{kind.__name__}", (kind,), methods)
    if kind is dict:
        return watched(found)
    found.__class__ = watched
    return found
