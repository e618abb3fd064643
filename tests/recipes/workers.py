# gunicorn --bind 127.0.0.1:8000 --workers 4 workers:application

from wsgicache import CacheMiddleware, store_from_url


def site(environ, start_response):
    fields = [("Content-Type", "text/plain"), ("Cache-Control", "public, max-age=60")]
    start_response("200 OK", fields)
    return [b"apple, banana\n"]


application = CacheMiddleware(site, store=store_from_url("lmdb:///var/cache/myapp"))
