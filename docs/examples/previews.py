from wsgiref.types import StartResponse, WSGIEnvironment

from wsgicache import CacheMiddleware, Route, cached, current, never_cache


def preview(environ: WSGIEnvironment) -> str:
    return str(environ.get("HTTP_X_PREVIEW", ""))


@cached(server=60)
def article(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    if preview(environ):
        current().say(never_cache)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"draft" if preview(environ) else b"article"]


app = CacheMiddleware(article, routes=[Route("/articles/*", vary_by=preview)])
