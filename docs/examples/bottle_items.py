from bottle import Bottle, request

from wsgicache import CacheMiddleware, cache_for, never_cache

site = Bottle()

fruit = ["apple", "banana"]


@site.get("/items")
@cache_for(minutes=1)
def items() -> dict[str, list[str]]:
    return {"items": fruit}


@site.post("/items")
def add() -> dict[str, list[str]]:
    fruit.append(request.forms["name"])
    return {"items": fruit}


@site.get("/now")
@never_cache
def now() -> dict[str, int]:
    return {"items": len(fruit)}


app = CacheMiddleware(site)
