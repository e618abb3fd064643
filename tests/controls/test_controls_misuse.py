"""Wrong use is told where it is written, by what argument it is and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

import wsgicache


def view() -> None:
    """A view."""


CONTROLS: list[tuple[str, type[Exception], str]] = [
    (
        "cache_for(view)",
        TypeError,
        "cache_for takes keywords, as in cache_for(minutes=5), got <function view",
    ),
    ("cache_for(5)", TypeError, "cache_for takes keywords, as in cache_for(minutes=5), got 5"),
    (
        "cache_for(minute=5)",
        TypeError,
        "cache_for takes no minute: it takes days, hours, microseconds",
    ),
    ("cache_for(minutes='5')", TypeError, "cache_for(minutes='5'): a number is allowed"),
    ("cache_for(minutes=True)", TypeError, "cache_for(minutes=True): a number is allowed"),
    ("cache_for(minutes=-5)", ValueError, "cache_for(minutes=-5): 0 to 2**31 seconds are allowed"),
    ("cache_for(days=10**9)", ValueError, "cache_for(days=1000000000): 0 to 2**31 seconds"),
    ("cache_for(days=float('inf'))", ValueError, "cache_for(days=inf): 0 to 2**31 seconds"),
    ("cache_for(days=float('nan'))", ValueError, "cache_for(days=nan): 0 to 2**31 seconds"),
    ("cache_control()", TypeError, "cache_control(): one directive or more is needed"),
    ("cache_control(public=False)", TypeError, "cache_control(): one directive or more is needed"),
    (
        "cache_control(view)",
        TypeError,
        "cache_control takes keywords, as in cache_control(max_age=60), got <function",
    ),
    (
        "cache_control(maxage=5)",
        TypeError,
        "cache_control takes no maxage: it takes immutable, max_age, must_",
    ),
    ("cache_control(max_age='5')", TypeError, "(max_age='5'): whole seconds or a timedelta are"),
    ("cache_control(max_age=1.5)", TypeError, "(max_age=1.5): whole seconds or a timedelta are"),
    ("cache_control(max_age=True)", TypeError, "(max_age=True): whole seconds or a timedelta are"),
    ("cache_control(max_age=-1)", ValueError, "(max_age=-1): 0 to 2**31 seconds are allowed"),
    ("cache_control(public='yes')", TypeError, "(public='yes'): True or False is allowed"),
    (
        "cache_control(private=5)",
        TypeError,
        "(private=5): names of fields, each a str, are allowed",
    ),
    ("cache_control(private=(5,))", TypeError, "(private=(5,)): names of fields, each a str, are"),
    (
        "cache_control(private=())",
        ValueError,
        "(private=()): one name of a field or more is needed",
    ),
    ("cache_control(private='a b')", ValueError, "'a b' is no name of a field"),
    ("cache_control(public=True, private=True)", ValueError, "one of them is allowed"),
    ("cache_control(max_age=5, status='2x')", ValueError, "(status='2x'): 200 to 599, \"2xx\" or"),
    (
        "cache_control(max_age=5, status='1xx')",
        ValueError,
        "(status='1xx'): 200 to 599, \"2xx\" or",
    ),
    ("cache_control(max_age=5, status=100)", ValueError, '(status=100): 200 to 599, "2xx" or'),
    ("cache_control(max_age=5, status=2.5)", TypeError, '(status=2.5): 404, "2xx", "any" or'),
    ("cache_control(max_age=5, status=[None])", TypeError, '(status=None): 200 to 599, "2xx" or'),
    ("cached()", TypeError, "cached(): one argument or more is needed, as in client=60"),
    (
        "cached(60)",
        TypeError,
        "cached takes keywords, as in cached(client=60, server=3600), got 60",
    ),
    (
        "cached(ttl=60)",
        TypeError,
        "cached takes no ttl: it takes cacheable, client, private, public, revalidate",
    ),
    ("cached(client='60')", TypeError, "cached(client='60'): whole seconds or a timedelta are"),
    ("cached(server=-1)", ValueError, "cached(server=-1): 0 to 2**31 seconds are allowed"),
    ("cached(client=60, private=1)", TypeError, "cached(private=1): True or False is allowed"),
    ("cached(client=60, private=True, public=True)", ValueError, "one of them is allowed"),
    ("cached(cacheable=False, client=60)", ValueError, "cached(cacheable=False, …): nothing is"),
    ("cached(revalidate=True, client=60)", ValueError, "(revalidate=True, client=60): one of them"),
    (
        "cached(client=60, query=('q',))",
        TypeError,
        "give it to a Route, as in Route(path, query=…)",
    ),
    ("cache_control(vary_by=len)", TypeError, "give it to a Route, as in Route(path, vary_by=…)"),
    ("cache_for(cookies=('a',))", TypeError, "give it to a Route, as in Route(path, cookies=…)"),
    ("vary()", ValueError, "vary(): one name of a field or more is needed"),
    ("vary('*')", ValueError, "vary('*'): '*' is no name of a field, as Accept-Language is"),
    ("vary('Accept_Language')", ValueError, "'Accept_Language' is no name of a field"),
    ("vary('')", ValueError, "'' is no name of a field"),
    ("vary(5)", TypeError, "vary(5): names of fields, each a str, are allowed"),
    ("vary(view)", TypeError, "names of fields, each a str, are allowed"),
    ("cache_groups()", TypeError, "cache_groups(): one name or more is needed"),
    ("cache_groups(5)", TypeError, "cache_groups(5): names, each a str, are allowed"),
    ("cache_groups('')", ValueError, "cache_groups(''): printable ASCII is allowed"),
    ("cache_groups('a\\nb')", ValueError, "cache_groups('a\\nb'): printable ASCII is allowed"),
    ("cache_groups('é')", ValueError, "cache_groups('é'): printable ASCII is allowed"),
    ("no_cache(5)", TypeError, "never_cache decorates a function, a method or a view class"),
    (
        "cache_for(minutes=1)(None)",
        TypeError,
        "cache_for(minutes=1) decorates a function, a method",
    ),
    ("no_cache(staticmethod(view))", TypeError, "(below @staticmethod and @classmethod)"),
    ("no_cache(classmethod(view))", TypeError, "(below @staticmethod and @classmethod)"),
    ("no_cache(int)", TypeError, "never_cache on the class int: a class with a method dispatch or"),
    ("current().say(5)", TypeError, "say takes controls such as never_cache, got 5"),
    (
        "current().say(no_cache, view)",
        TypeError,
        "controls such as never_cache, got <function view",
    ),
]
ROUTES: list[tuple[str, type[Exception], str]] = [
    ("Route()", ValueError, "Route('*'): a control such as never_cache is needed"),
    ("Route('/x')", ValueError, "Route('/x'): a control such as never_cache is needed"),
    (
        "Route('x', no_cache)",
        ValueError,
        "(path='x'): a pattern that begins with / or * is allowed",
    ),
    ("Route('', no_cache)", ValueError, "(path=''): a pattern that begins with / or * is allowed"),
    ("Route(5, no_cache)", TypeError, "Route(path=5): a pattern such as '/api/*' is allowed"),
    (
        "Route('/x', view)",
        TypeError,
        "Route takes controls such as never_cache, got <function view",
    ),
    (
        "Route('/x', cache_for)",
        TypeError,
        "Route takes controls such as never_cache, got <function",
    ),
    ("Route('/x', no_cache, override=1)", TypeError, "(override=1): True or False is allowed"),
    ("Route('/x', no_cache, odd_paths='y')", TypeError, "(odd_paths='y'): True or False is"),
    ("Route('/x', collapse=None)", TypeError, "Route(collapse=None): True or False is allowed"),
    (
        "Route('/x', override=True)",
        ValueError,
        "Route('/x'): a control such as never_cache is needed",
    ),
    (
        "Route('/x', query=('q',), override=True)",
        ValueError,
        "a control such as never_cache is needed",
    ),
    ("Route('/x', no_cache, host=5)", TypeError, "Route(host=5): a pattern, a str, is allowed"),
    ("Route('/x', no_cache, host='')", TypeError, "Route(host=''): a pattern, a str, is allowed"),
    (
        "Route(no_cache, content_type=5)",
        TypeError,
        "(content_type=5): a pattern, a str, is allowed",
    ),
    (
        "Route(no_cache, content_type='json')",
        ValueError,
        "(content_type='json'): a pattern such as",
    ),
    (
        "Route(no_cache, content_type='text/html; charset=utf-8')",
        ValueError,
        "a pattern such as 'text/html' is allowed",
    ),
    (
        "Route(no_cache, host='http://a.org')",
        ValueError,
        "(host='http://a.org'): a pattern such as '*.example.org' is allowed",
    ),
    ("Route(no_cache, host='münchen.de')", ValueError, "'): a pattern such as '*.example.org' is"),
    ("Route('/x', no_cache, status=())", ValueError, "Route(status=()): one status or more is"),
    ("Route('/x', no_cache, method=5)", TypeError, "Route(method=5): a method such as GET, or sev"),
    ("Route('/x', no_cache, method='get')", ValueError, "(method='get'): a method such as GET"),
    (
        "Route('/x', no_cache, method=())",
        ValueError,
        "(method=()): a method such as GET, or several",
    ),
    ("Route('/x', no_cache, method=[5])", TypeError, "(method=[5]): a method such as GET, or sev"),
    ("Route('/x', no_cache, status=7)", ValueError, 'Route(status=7): 200 to 599, "2xx" or'),
    ("Route('/x', query='q')", TypeError, "Route(query='q'): a tuple of names, each a str, is"),
    ("Route('/x', query=5)", TypeError, "Route(query=5): a tuple of names, each a str, is allowed"),
    ("Route('/x', cookies=(1,))", TypeError, "Route(cookies=(1,)): a tuple of names, each a str"),
    ("Route('/x', vary_by='X')", TypeError, "(vary_by='X'): a callable on the environ is allowed"),
    (
        "Route('/x', no_cache, contentype='a')",
        TypeError,
        "Route takes no contentype: it takes collapse, content_",
    ),
    (
        "Route('/x', no_cache, query=(), status=200)",
        ValueError,
        "status= and content_type= are not",
    ),
    (
        "Route('/x', vary_by=len, content_type='a/b')",
        ValueError,
        "status= and content_type= are not",
    ),
    (
        "CacheMiddleware(view, routes=[no_cache])",
        TypeError,
        "routes must be Routes, got never_cache",
    ),
    (
        "CacheMiddleware(view, routes=5)",
        TypeError,
        "routes must be several Routes, as in [Route(…)], got 5",
    ),
    (
        "CacheMiddleware(view, routes=Route('/x', no_cache))",
        TypeError,
        "routes must be several Routes, as in [Route(…)], got <Route",
    ),
    ("StaticVersions(5)", TypeError, "StaticVersions(5): the path of a directory is allowed"),
    ("StaticVersions('/no/such')", ValueError, "('/no/such'): there is no such directory"),
    ("StaticVersions('.', 'static/')", ValueError, "(prefix='static/'): a path that begins and"),
    ("StaticVersions('.', '/static')", ValueError, "(prefix='/static'): a path that begins and"),
    (
        "StaticVersions('.', '/*/')",
        ValueError,
        "(prefix='/*/'): a path that begins and ends with /, and has no *, is allowed",
    ),
    ("StaticVersions('.').url(None)", TypeError, "None is no file of StaticVersions: a name, a"),
    ("StaticVersions('.', 5)", TypeError, "StaticVersions(prefix=5): a path is allowed"),
    ("easy_setup(view)", TypeError, "): a Flask application is allowed"),
]


@pytest.mark.parametrize(
    ("use", "kind", "message"), CONTROLS + ROUTES, ids=[row[0] for row in CONTROLS + ROUTES]
)
def test_wrong_use_is_told_at_once(use: str, kind: type[Exception], message: str) -> None:
    names: dict[str, Any] = {**vars(wsgicache), "view": view}
    with pytest.raises(kind) as told:
        eval(use, names)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
