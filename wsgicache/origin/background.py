"""Background validation (RFC 5861 §3), and refreshing before the end of freshness.

A *runner* is any callable that takes a `Job`. It may call the job, where and when it likes, or read
its attributes and let another process do the work (`CacheMiddleware.refresh`).
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import Context
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from wsgicache import forks
from wsgicache.bodies import Write
from wsgicache.clock import Clock
from wsgicache.reporting import Reporter, log
from wsgicache.rules.anonymous import background_environ
from wsgicache.rules.checks import must_be, text
from wsgicache.rules.keys import url_of
from wsgicache.rules.model import NEVER, CacheEntry, Decision, FieldLines
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.variants import selector_of

__all__ = ["Background", "Job", "Runner", "described", "to_nobody"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

Runner = Callable[["Job"], object]


class Job:
    """One background validation: calling it does the work; its attributes describe the request."""

    method = "GET"

    def __init__(
        self, request: Request, environ: WSGIEnvironment, run: Callable[[WSGIEnvironment], None]
    ) -> None:
        mount: str = request.environ.get("SCRIPT_NAME", "")
        self.mount = mount
        """The path at which the app is mounted."""
        self.url = url_of(request.target or request.key)
        self.fields = {
            key[5:].replace("_", "-").title(): value
            for key, value in environ.items()
            if key.startswith("HTTP_") and key != "HTTP_HOST"
        }
        """The request fields: those that selected the stored response, and the raw target under its
        WSGI name, if the server gave one."""
        self.fields |= {key: environ[key] for key in _AS_THEY_ARE if key in environ}
        self._environ = environ
        self._run = run

    def __call__(self) -> None:
        """Ask the app and store what it answers.

        It runs in a new context, so that it does not see what was set for the first client
        (contextvars). Raises no Exception.
        """
        Context().run(self._run, self._environ)


_AS_THEY_ARE = ("RAW_URI", "REQUEST_URI", "CONTENT_TYPE")
_URL = re.compile(r"(https?)://([^/?#]+)(/[^?#]*)?(?:\?([^#]*))?")


def described(url: str, fields: Mapping[str, str], mount: str) -> WSGIEnvironment:
    """Return the environ of the request that a `Job` describes.

    Raises TypeError for arguments that no `Job` has, and ValueError for a *url* that is not
    absolute.
    """
    if not isinstance(fields, Mapping) or not all(isinstance(name, str) for name in fields):
        raise TypeError(must_be("fields of refresh()", "a dict of names and values", fields))
    text("mount of refresh()", mount, "the path where the app is mounted, such as '/shop'")
    found = _URL.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        kind = "one that begins with http:// or https:// and a host"
        raise ValueError(must_be("url of refresh()", kind, url))
    scheme, host, path, query = found.groups("")
    name, _, port = host.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": mount,
        "PATH_INFO": unquote_to_bytes(path or "/").decode("latin-1").removeprefix(mount),
        "QUERY_STRING": query,
        "SERVER_NAME": name if port.isdigit() else host,
        "SERVER_PORT": port if port.isdigit() else {"http": "80", "https": "443"}[scheme],
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in fields.items():
        key = name if name in _AS_THEY_ARE else f"HTTP_{name.upper().replace('-', '_')}"
        environ[key] = value
    if "RAW_URI" not in environ and "REQUEST_URI" not in environ:
        # The raw target, as servers give it, so that any request for this URL finds the response.
        target = url[len(f"{scheme}://{host}") :]
        environ["RAW_URI"] = environ["REQUEST_URI"] = target if path else f"/{target}"
    return environ


def to_nobody(status: str, fields: FieldLines, /, exc_info: Any = None) -> Write:
    """Discard the head and the body: the start_response of a request without a client."""
    return lambda data: None


_LONGEST = 30.0
"""Seconds after which a job that has not ended may be started again."""
_MOST = 10_000


class _Given(NamedTuple):
    """A job that a runner has."""

    until: float
    """When another job for the same response may start."""
    generated_at: float
    """When that response was generated; another response gets a job of its own."""


class Background:
    """The background validations of one cache: at most one for each stored response at a time."""

    def __init__(
        self,
        validate: Callable[[WSGIEnvironment], None],
        runner: Runner | None,
        clock: Clock,
        report: Reporter,
        policy: Policy,
    ) -> None:
        self._policy = policy
        self._validate = validate
        self._runner: Runner = Threads() if runner is None else runner
        self._clock = clock
        self._report = report
        self.begin_in_child()
        forks.renew(self)

    def begin_in_child(self) -> None:
        """Forget all jobs: none is under way in a new process."""
        self._lock = threading.Lock()
        self._given: dict[int, _Given] = {}

    def start(self, request: Request, entry: CacheEntry, decision: Decision) -> bool:
        """Start a validation of what *decision* serves, unless one is under way.

        Returns False if it cannot start: there are no threads, too many jobs are waiting, or no
        anonymous request could ask the same.
        """
        environ, stored = request.environ, decision.stored
        if stored is None or (
            isinstance(self._runner, Threads)
            and (not environ.get("wsgi.multithread") or environ.get("wsgi.run_once"))
        ):
            return False
        try:
            asking = background_environ(request, stored.kind[0], os.environ, self._policy)
        except Exception:
            self._report("background", "a request without what WSGI demands cannot be repeated")
            return False
        if asking is None:
            return False
        variant = selector_of(request, stored.kind, entry.salt, self._policy)
        # A hash stands for what may be long: if two collide, they differ in generated_at.
        which = hash((request.key, variant))
        now = self._clock.now()
        left = stored.generated_at + stored.freshness_lifetime - now
        with self._lock:
            given = self._given.get(which)
            if given and now < given.until and given.generated_at == stored.generated_at:
                return True
            if len(self._given) >= _MOST:
                self._given = {w: one for w, one in self._given.items() if now < one.until}
                if len(self._given) >= _MOST:
                    return False
            ours = self._given[which] = _Given(now + max(_LONGEST, left), stored.generated_at)

        def run(environ: WSGIEnvironment) -> None:
            try:
                self._validate(environ)
            finally:
                # Before the end of freshness one attempt is enough.
                self._ended(which, ours, now + left)

        try:
            self._runner(Job(request, asking, run))
        except Exception:
            self._ended(which, ours)
            self._report("background", "a background validation could not be started")
            return False
        return True

    def _ended(self, which: int, ours: _Given, until: float = NEVER) -> None:
        """Let another job start, but not before *until*."""
        with self._lock:
            if self._given.get(which) is not ours:
                return
            if self._clock.now() < until:
                self._given[which] = ours._replace(until=until)
            else:
                del self._given[which]


class Threads:
    """The default runner: a few daemon threads, made when needed.

    At exit they get *patience* seconds to finish their jobs, and no longer. Calling it raises
    RuntimeError if too many jobs are *waiting*.
    """

    def __init__(self, workers: int = 4, waiting: int = 64, patience: float = 0.8) -> None:
        self._most = workers
        self._waiting = waiting
        self.patience = patience
        self.begin_in_child()
        forks.renew(self)
        _runners.add(self)

    def begin_in_child(self) -> None:
        """Have no jobs and no threads: those of the parent process do not run in the child."""
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._workers: set[threading.Thread] = set()

    def __call__(self, job: Job) -> None:
        with self._lock:
            if len(self._jobs) >= self._waiting:
                raise RuntimeError(f"{self._waiting} background validations are waiting already")
            self._jobs.append(job)
            if len(self._workers) >= self._most:
                return
            # A new thread has a context of its own, with nothing of this request in it.
            worker = threading.Thread(target=self._work, name="wsgicache-validation", daemon=True)
            self._workers.add(worker)
        try:
            worker.start()
        except RuntimeError:  # the system has no more threads
            with self._lock:
                self._workers.discard(worker)
                if not self._workers and job in self._jobs:
                    self._jobs.remove(job)
                    raise

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._workers.discard(threading.current_thread())
                    return
                job = self._jobs.popleft()
            try:
                job()
            except BaseException:  # a SystemExit of the app must not end this thread
                log.warning("a background validation raised SystemExit", exc_info=True)

    def stop(self, deadline: float) -> None:
        """Begin nothing more, and wait until *deadline* for what is under way.

        *deadline* is in seconds of the monotonic clock.
        """
        self._jobs.clear()
        for worker in list(self._workers):
            worker.join(max(0.0, deadline - time.monotonic()))


_runners: weakref.WeakSet[Threads] = weakref.WeakSet()


def _at_exit() -> None:
    runners = list(_runners)
    began = time.monotonic()
    for threads in runners:
        threads.stop(began + threads.patience)


atexit.register(_at_exit)
