from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from wsgicache import CacheMiddleware, cache_for
from wsgicache.dashboard import Dashboard


@cache_for(minutes=1)
def items(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"items": ["apple", "banana"]}']


def for_operators(page: WSGIApplication) -> WSGIApplication:
    """Answer only whom the server in front has let in."""

    def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("REMOTE_USER") != "operator":
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [b"not for you"]
        return page(environ, start_response)

    return guarded


cache = CacheMiddleware(items)
page = for_operators(Dashboard(cache, secret="only for this example"))
app = DispatcherMiddleware(cache, {"/admin/cache": page})
