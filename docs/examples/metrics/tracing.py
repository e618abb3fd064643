"""Give the span of a request what the cache did, in the words of tracing vendors."""

from opentelemetry import trace

from wsgicache.observe.watching import Observation


def observe(seen: Observation) -> None:
    """Add attributes to the current span."""
    span = trace.get_current_span()
    span.set_attribute("cache.hit", seen.outcome == "hit")
    span.set_attribute("cache.item_size", seen.bytes)
    span.set_attribute("http.route", seen.route)
    if seen.ttl is not None:
        span.set_attribute("cache.ttl", seen.ttl)
    if seen.forward is not None:
        span.set_attribute("wsgicache.forward", seen.forward)
    if seen.detail is not None:
        span.set_attribute("wsgicache.detail", seen.detail)


# application = CacheMiddleware(site, observer=observe), within the middleware that begins the span
