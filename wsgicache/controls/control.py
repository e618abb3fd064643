"""What the app says of its responses: decorators for views, and words from inside of a view.

    @cache_for(minutes=5)
    def news(request):
        current().say(cache_groups("news"))
        ...

Whatever is said becomes fields of the response before any rule looks at it. Where no cache is in
front nothing is heard, and nothing is raised. A control is no more than words, so one may be made
once, given a name, and used on views and in routes alike.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, TypeVarTuple, overload

from wsgicache import arguments
from wsgicache.arguments import Status
from wsgicache.rules.checks import must_be
from wsgicache.rules.response import Response
from wsgicache.rules.said import NO_STORE, Said, forbidding, forbids_here, vouches

__all__ = ["KEY", "Control", "Controls", "Statuses", "checked", "current", "logged_in_views"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

log = logging.getLogger("wsgicache")
P = ParamSpec("P")
R = TypeVar("R")
Args = TypeVarTuple("Args")
C = TypeVar("C", bound=type)

KEY = "wsgicache.controls"
"""Where an environ has the `Controls` of its request."""
_CURRENT: ContextVar[Controls | None] = ContextVar(KEY, default=None)

Statuses = frozenset[int]
_SUCCESSFUL: Statuses = frozenset(range(200, 300))
_NOTHING = Said()
_STANDING_FOR_200 = frozenset({206, 304})


class Control:
    """Something said of responses: a decorator for views, and what a `Route` carries.

    For another decorator, derive from it and have `about` choose among controls. *statuses* are
    those it speaks of. None is every successful one (2xx), and every status for what forbids
    storing. A 206 or 304 counts as the 200 that it stands for.
    """

    def __init__(
        self, said: Said = _NOTHING, statuses: Status | Iterable[Status] | None = None
    ) -> None:
        self._said = said
        self.statuses = arguments.statuses("Control.statuses", statuses)

    def about(self, response: Response, environ: WSGIEnvironment) -> Control | None:
        """Return the control that applies to *response*, or None.

        It may look at ``response.status``, ``code``, ``fields`` and ``field("content-type")``. The
        cache calls it for every status.
        """
        return self

    def said_of(
        self, response: Response, environ: WSGIEnvironment, any_status: bool = False
    ) -> Said | None:
        """Return what this control says of *response*, or None if it says nothing.

        *any_status* is true where a route has named the statuses. If `about` raises, the response
        is not stored.
        """
        try:
            control = self.about(response, environ)
            if control is None:
                return None
            if control is not self:
                return control.said_of(response, environ, any_status)
        except Exception:
            log.warning("%r failed: the response is not stored", self, exc_info=True)
            return NO_STORE
        code = response.code
        statuses = self.statuses
        if statuses is None:
            statuses = _SUCCESSFUL
            any_status = any_status or not (self._said.directives or self._said.here)
        if any_status or code in statuses or (code in _STANDING_FOR_200 and 200 in statuses):
            return self._said
        return forbidding(self._said) if self.statuses is None else None

    def forbids(self) -> bool:
        """Whether it may forbid storing, in some response."""
        own = type(self).about is not Control.about
        return own or forbidding(self._said) is not None

    def vouches(self) -> bool:
        """Whether what it says gives answers to everybody, whoever asked for them."""
        return vouches(self._said)

    @property
    def forbids_always(self) -> bool:
        """Whether it forbids this cache to store, whatever the response is."""
        is_plain = type(self).about is Control.about
        return is_plain and self.statuses is None and forbids_here(self._said)

    @overload
    def __call__(self, view: C, /) -> C: ...
    @overload
    def __call__(self, view: Callable[P, R], /) -> Callable[P, R]: ...
    def __call__(self, view: Any, /) -> Any:
        """Have it said whenever *view* is called. Raises TypeError for anything but a view.

        Of a class, its dispatch() or dispatch_request() is decorated, as class-based views have.
        """
        if isinstance(view, type):
            for name in ("dispatch", "dispatch_request"):
                if (method := getattr(view, name, None)) is not None:
                    setattr(view, name, self(method))
                    return view
            kind = "one with a method dispatch or dispatch_request"
            cure = ": decorate a method of it"
            raise TypeError(must_be(f"a class that {self!r} decorates", kind, view) + cure)
        if isinstance(view, staticmethod | classmethod) or not callable(view):
            kind = "a function, a method or a view class (below @staticmethod and @classmethod)"
            raise TypeError(must_be(f"what {self!r} decorates", kind, view))
        if inspect.iscoroutinefunction(view):

            @wraps(view)
            async def saying_async(*args: Any, **kwargs: Any) -> Any:
                _say(self, args)
                return await view(*args, **kwargs)

            return saying_async

        @wraps(view)
        def saying(*args: Any, **kwargs: Any) -> Any:
            _say(self, args)
            return view(*args, **kwargs)

        return saying


def checked(subject: str, control: object) -> Control:
    """*control*, which must be one."""
    if not isinstance(control, Control):
        raise TypeError(must_be(subject, _CONTROL, control))
    return control


_CONTROL = "a control, such as never_cache"
_WORD = "each argument of say()"


_UNKNOWN = Control(NO_STORE)
"""What stands for a word that means nothing."""


class Controls:
    """What is said of one response, from when the app is called until its head is known.

    Meanwhile it is what `current` returns, and it is in ``environ["wsgicache.controls"]`` for views
    that run in another thread.
    """

    said: tuple[Control, ...] = ()
    late: Callable[[Control], object] | None = None
    """Who hears what is said after the head has gone out."""

    def say(self, *controls: Control) -> None:
        """Say more of this response; the last word counts.

        Once the fields are out, only a word that forbids storing counts. What is no control is
        logged, and nothing is stored then; outside of any request it raises TypeError.
        """
        for word in controls:
            control = word if isinstance(word, Control) else self._replaced(word)
            self.said = (*self.said, control)
            if self.late is not None:
                self.late(control)

    def _replaced(self, word: object) -> Control:
        """What stands for a *word* that is no control."""
        log.warning("%s: nothing is stored", must_be(_WORD, _CONTROL, word))
        return _UNKNOWN

    def during(self, environ: WSGIEnvironment, call: Callable[[*Args], R], *args: *Args) -> R:
        """Call, and meanwhile be what *environ* has and what `current` returns."""
        outer, environ[KEY] = environ.get(KEY), self
        token = _CURRENT.set(self)
        try:
            return call(*args)
        finally:
            _CURRENT.reset(token)
            if outer is None:
                environ.pop(KEY, None)
            else:
                environ[KEY] = outer


class _NoControls(Controls):
    """One that nobody listens to."""

    def _replaced(self, word: object) -> Control:
        return checked(_WORD, word)


def current() -> Controls:
    """Return the `Controls` of the request that the app is answering.

    Outside a request, and where no cache is in front, they do nothing.
    """
    controls = _CURRENT.get()
    return _NoControls() if controls is None else controls


def logged_in_views(make: Callable[P, Control]) -> Callable[P, Control]:
    """Make *make* raise for wrong arguments at import, but only log them in a view.

    A view whose cache is listening logs the error, and its response is not stored.
    """

    @wraps(make)
    def making(*args: P.args, **kwargs: P.kwargs) -> Control:
        try:
            return make(*args, **kwargs)
        except (TypeError, ValueError):
            if not _is_in_a_view():
                raise
            log.warning("a view has said what means nothing: nothing is stored", exc_info=True)
            return _UNKNOWN

    return making


def _is_in_a_view() -> bool:
    """Whether a request is being answered, and no module is imported for the first time by it."""
    frame = inspect.currentframe() if _CURRENT.get() is not None else None
    while frame is not None:
        if frame.f_code is Controls.during.__code__:
            return True
        if frame.f_code.co_name == "<module>":
            return False
        frame = frame.f_back
    return _CURRENT.get() is not None


def _say(control: Control, args: tuple[object, ...]) -> None:
    """Say *control* of the request that a view was called for with *args*."""
    for environ in map(_environ_of, args[:2]):
        if environ is None:
            continue
        if isinstance(own := environ.get(KEY), Controls):
            own.say(control)
            return
        if not control.forbids():
            return  # a request inside of another's, which no cache listens to
    controls = _CURRENT.get()
    if controls is not None:
        controls.say(control)


def _environ_of(arg: object) -> WSGIEnvironment | None:
    """The environ that *arg* is or has: a WSGI application's, a request's of some framework."""
    for environ in (arg, _attribute(arg, "environ"), _attribute(arg, "META")):
        if isinstance(environ, dict) and "REQUEST_METHOD" in environ:
            return environ
    return None


def _attribute(arg: object, name: str) -> object:
    try:
        return getattr(arg, name, None)
    except Exception:  # a proxy to nothing, say
        return None
