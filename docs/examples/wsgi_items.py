from wsgiref.types import StartResponse, WSGIEnvironment

from wsgicache import CacheMiddleware


def site(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")]
    start_response("200 OK", fields)
    return [b"apple, banana\n"]


app = CacheMiddleware(site)
