"""Who may send a form: somebody who saw it on this page, from this page (CSRF).

A form has a token that only this page can make, bound to a cookie that browsers send with requests
of this site alone. A browser also says where a request comes from: Sec-Fetch-Site, Origin, Referer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import blake2b
from hmac import compare_digest
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from markupsafe import Markup

from wsgicache.observe.sharing import private
from wsgicache.rules.cookies import DASHBOARD_COOKIE as COOKIE
from wsgicache.rules.keys import canonical_host, host_asked

__all__ = ["COOKIE", "MOST_BYTES", "TOKEN", "Forms", "Session", "form_in", "refusal"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

TOKEN = "token"
"""The name of the field of a form that has its token."""
MOST_BYTES = 64 * 1024
"""Most bytes of a form."""
_MOST_FIELDS = 100
_KEY = "forms.key"
"""The file with the key that processes share."""
_BYTES = 32
_SESSION = re.compile(rf"(?:^|;)[ \t]*{COOKIE}=([0-9a-f]{{32}})[ \t]*(?:;|$)")
_FORM = "application/x-www-form-urlencoded"


class Forms:
    """Makes and checks tokens with a *secret*.

    Without one, that is a key in *folder*, which processes share, or what was made with this. Then
    *report* gets why there is no key.
    """

    def __init__(
        self,
        secret: bytes = b"",
        folder: str = "",
        report: Callable[[str, str], object] = lambda kind, message: None,
    ) -> None:
        self._made = blake2b(secret or token_bytes(_BYTES), digest_size=_BYTES).digest()
        self._folder = "" if secret else folder
        self._report = report
        self._process = 0 if secret else os.getpid()

    def _secret(self) -> bytes:
        """Return what signs, and note whether other processes have it, too."""
        key = b""
        if self._folder:
            try:
                key = _shared_key(self._folder)
            except Exception:
                self._report("forms", f"{self._folder}: the key for forms of the page is of no use")
        # What was made before the server forked is the same in all of its processes.
        self.is_shared = bool(key) or self._process != os.getpid()
        return key or self._made

    def session(self, environ: WSGIEnvironment) -> Session:
        """Return the session of a request, perhaps a new one."""
        # The cookies of others may have any form, and must not hide this one.
        found = _SESSION.search(environ.get("HTTP_COOKIE", ""))
        name = found[1] if found else token_hex(16)
        return Session(name, found is None, self.signed("form", name), self.is_shared)

    def signed(self, kind: str, text: str) -> str:
        """Return the signature of a *text* of that *kind*."""
        person = kind.encode()[:16]
        given = text.encode("utf-8", "surrogatepass")
        return blake2b(given, key=self._secret(), person=person, digest_size=20).hexdigest()

    def is_signed(self, kind: str, text: str, signature: str) -> bool:
        """Return whether *signature* is that of *text*."""
        given = signature.encode("utf-8", "surrogatepass")
        return compare_digest(self.signed(kind, text).encode(), given)


class Session:
    """A browser that has the page open."""

    def __init__(self, name: str, is_new: bool, token: str, is_shared: bool = True) -> None:
        self.name = name
        self.is_new = is_new
        self.token = token
        self.is_shared = is_shared
        """Whether another process takes the token, too."""

    @property
    def hidden(self) -> Markup:
        """Return the field that each form has."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN, self.token)

    def cookie(self, environ: WSGIEnvironment) -> str:
        """Return the value of Set-Cookie. Its path is that of the page (RFC 6265 §5.1)."""
        # Any wider, requests for other pages of the site would have a cookie, too.
        secure = "; Secure" if environ["wsgi.url_scheme"] == "https" else ""
        return f"{COOKIE}={self.name}; HttpOnly; SameSite=Strict{secure}"


def form_in(environ: WSGIEnvironment) -> dict[str, str] | str:
    """Return the fields of a form that was sent, or the status of the answer to anything else."""
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != _FORM:
        return "415 Unsupported Media Type"
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal()):
        return "411 Length Required"
    if len(length) > 9 or int(length) > MOST_BYTES:
        return "413 Content Too Large"
    content: bytes = environ["wsgi.input"].read(int(length))
    try:
        pairs = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return "400 Bad Request"
    return dict(pairs)


def refusal(environ: WSGIEnvironment, form: Mapping[str, str], session: Session) -> str | None:
    """Return why a form must not be heeded, or None if it may."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None and site != "same-origin":
        return "It was sent from another site."
    if not _is_own_origin(environ, is_known=site is not None):
        return "It was sent from another site, or the browser does not say from where."
    given = form.get(TOKEN, "").encode("utf-8", "surrogatepass")
    if session.is_new or not compare_digest(given, session.token.encode()):
        why = "the page is older than the server, or the browser sends no cookies. Send it again."
        return f"Its token is not of this page: {why}{'' if session.is_shared else _APART}"
    return None


_APART = (
    " If the server has several processes, it may be of another one. Give them a folder that they "
    "share, CacheMiddleware(app, counters=DIR), or one secret, Dashboard(cache, secret=SECRET), or "
    "let the server load the application before it forks, as gunicorn --preload does."
)


def _shared_key(folder: str) -> bytes:
    """Return the key in *folder*, the same for all processes of this user. Raises OSError.

    A key that others may read, or that is of another user, is none.
    """
    path = os.path.join(folder, _KEY)
    try:
        file = private(path, os.O_RDONLY)
    except FileNotFoundError:
        os.makedirs(folder, 0o700, exist_ok=True)
        new = f"{path}.{token_hex(8)}"
        try:
            with open(new, "xb", opener=private) as made:
                made.write(token_bytes(_BYTES))
                made.flush()
                os.fsync(made.fileno())
            with suppress(FileExistsError):  # another process was faster
                os.link(new, path)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(new)
        file = private(path, os.O_RDONLY)
    try:
        found, key = os.fstat(file), os.read(file, _BYTES + 1)
    finally:
        os.close(file)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or len(key) != _BYTES:
        raise PermissionError(f"{path}: not a key that this user alone can read")
    return key


def _is_own_origin(environ: Mapping[str, Any], *, is_known: bool) -> bool:
    """Return whether Origin, or else Referer, names the origin of this page.

    If the browser has said that, so that it *is_known*, neither has to: some proxies hide the host.
    """
    given = environ.get("HTTP_ORIGIN") or environ.get("HTTP_REFERER")
    if is_known and given != "null":
        return True
    try:
        parts = urlsplit(given or "")
    except ValueError:
        return False
    # A proxy may speak TLS with the browser, and not say so. What came without TLS is not taken for
    # what came with it.
    own = environ["wsgi.url_scheme"]
    if parts.scheme not in ("http", "https") or (own, parts.scheme) == ("https", "http"):
        return False
    there = canonical_host(parts.scheme, parts.netloc)
    return there is not None and there == canonical_host(parts.scheme, host_asked(environ))
