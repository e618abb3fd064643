"""Controls: what an app says of its responses, by decorators or from inside a view.

    @cache_for(minutes=5)
    def news(request):
        current().say(cache_groups("news"))
        ...

All of it becomes fields of the response before any rule looks at them. Without a cache in front,
a control does nothing and raises nothing. A control has no state, so one may be made once, named,
and used on views and in routes alike.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
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
"""The environ key of the `Controls` of its request."""
_CURRENT: ContextVar[Controls | None] = ContextVar(KEY, default=None)

Statuses = frozenset[int]
_SUCCESSFUL: Statuses = frozenset(range(200, 300))
_NOTHING = Said()
_STANDING_FOR_200 = frozenset({206, 304})


class Control:
    """A statement about responses: a decorator for views, and what a `Route` carries.

    For another decorator, derive from this class and let `about` choose among controls. *statuses*
    are the status codes that it applies to. None means every successful one (2xx), and every status
    for what forbids storing. A 206 or 304 counts as the 200 that it stands for.
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
        """Return whether it may forbid storing some response."""
        own = type(self).about is not Control.about
        return own or forbidding(self._said) is not None

    def vouches(self) -> bool:
        """Return whether it releases answers to everybody, whoever asked for them."""
        return vouches(self._said)

    @property
    def forbids_always(self) -> bool:
        """Return whether it forbids this cache to store, whatever the response is."""
        is_plain = type(self).about is Control.about
        return is_plain and self.statuses is None and forbids_here(self._said)

    @overload
    def __call__(self, view: C, /) -> C: ...
    @overload
    def __call__(self, view: Callable[P, R], /) -> Callable[P, R]: ...
    def __call__(self, view: Any, /) -> Any:
        """Decorate *view*, so that each call applies the control.

        In a class it decorates the method dispatch() or dispatch_request(), which class-based views
        have. Raises TypeError for anything but a view.
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

            return _looking_like(view, saying_async)

        @wraps(view)
        def saying(*args: Any, **kwargs: Any) -> Any:
            _say(self, args)
            return view(*args, **kwargs)

        return _looking_like(view, saying)


def _looking_like(view: Callable[P, R], saying: Callable[P, R]) -> Callable[P, R]:
    """Return *saying* with the signature of *view*: Pyramid asks what a view takes."""
    with suppress(TypeError, ValueError):  # some callables have none
        vars(saying)["__signature__"] = inspect.signature(view)
    return saying


def checked(subject: str, control: object) -> Control:
    """Return *control*, which must be a `Control`."""
    if not isinstance(control, Control):
        raise TypeError(must_be(subject, _CONTROL, control))
    return control


_CONTROL = "a control, such as never_cache"
_WORD = "each argument of say()"


_UNKNOWN = Control(NO_STORE)
"""The control in place of an invalid one."""


class Controls:
    """What a view says of one response, from the call of the app until its head is known.

    Meanwhile `current` returns it, and it is in ``environ["wsgicache.controls"]`` for views that
    run in another thread.
    """

    said: tuple[Control, ...] = ()
    late: Callable[[Control], object] | None = None
    """What takes controls that come after the head has gone out."""

    def say(self, *controls: Control) -> None:
        """Apply more controls to this response; the last one counts.

        Once the fields are out, only a control that forbids storing counts. Anything but a control
        is logged, and the response is not stored. Outside a request it raises TypeError.
        """
        for word in controls:
            control = word if isinstance(word, Control) else self._replaced(word)
            self.said = (*self.said, control)
            if self.late is not None:
                self.late(control)

    def _replaced(self, word: object) -> Control:
        """Return the control in place of a *word* that is no control."""
        log.warning("%s: nothing is stored", must_be(_WORD, _CONTROL, word))
        return _UNKNOWN

    def during(self, environ: WSGIEnvironment, call: Callable[[*Args], R], *args: *Args) -> R:
        """Call *call*; meanwhile *environ* has these controls, and `current` returns them."""
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
    """Controls that no cache reads."""

    def _replaced(self, word: object) -> Control:
        return checked(_WORD, word)


def current() -> Controls:
    """Return the `Controls` of the request that the app is answering.

    Outside a request, and where no cache is in front, they do nothing.
    """
    controls = _CURRENT.get()
    return _NoControls() if controls is None else controls


def logged_in_views(make: Callable[P, Control]) -> Callable[P, Control]:
    """Make *make* raise for wrong arguments at import, but only log them inside a view.

    If a view is behind a cache, its response is not stored then.
    """

    @wraps(make)
    def making(*args: P.args, **kwargs: P.kwargs) -> Control:
        try:
            return make(*args, **kwargs)
        except (TypeError, ValueError):
            if not _is_in_a_view():
                raise
            log.warning("a view made an invalid control: nothing is stored", exc_info=True)
            return _UNKNOWN

    return making


def _is_in_a_view() -> bool:
    """Return whether a request is being answered, and no module is being imported in it."""
    frame = inspect.currentframe() if _CURRENT.get() is not None else None
    while frame is not None:
        if frame.f_code is Controls.during.__code__:
            return True
        if frame.f_code.co_name == "<module>":
            return False
        frame = frame.f_back
    return _CURRENT.get() is not None


def _say(control: Control, args: tuple[object, ...]) -> None:
    """Apply *control* to the request for which a view was called with *args*."""
    for environ in map(_environ_of, args[:2]):
        if environ is None:
            continue
        if isinstance(own := environ.get(KEY), Controls):
            own.say(control)
            return
        if not control.forbids():
            return  # a request inside another one, without a cache of its own
    controls = _CURRENT.get()
    if controls is not None:
        controls.say(control)


def _environ_of(arg: object) -> WSGIEnvironment | None:
    """Return the environ that *arg* is or has: of a WSGI application or a framework's request."""
    for environ in (arg, _attribute(arg, "environ"), _attribute(arg, "META")):
        if isinstance(environ, dict) and "REQUEST_METHOD" in environ:
            return environ
    return None


def _attribute(arg: object, name: str) -> object:
    try:
        return getattr(arg, name, None)
    except Exception:  # a proxy to nothing, say
        return None
