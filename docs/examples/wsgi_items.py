from wsgicache import CacheMiddleware


def site(environ, start_response):
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")]
    start_response("200 OK", fields)
    return [b"apple, banana\n"]


app = CacheMiddleware(site)
