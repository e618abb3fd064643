"""Wrong use raises where it is written: it names the argument, what it must be, what it was."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

import wsgicache


def view() -> None:
    """A view."""


FOR_CACHE_FOR = "one of days, hours, microseconds, milliseconds, minutes, seconds, status, weeks"
LIFETIME = "0 to 2**31 seconds"
DIRECTIVES = "one or more, as in cache_control(max_age=60)"
FOR_CACHE_CONTROL = (
    "one of immutable, max_age, must_revalidate, must_understand, no_cache, no_store, "
    "no_transform, private, proxy_revalidate, public, s_maxage, stale_if_error, "
    "stale_while_revalidate, status"
)
SECONDS = "whole seconds, from 0 to 2**31, or a timedelta"
FLAG = "True or False"
FIELDS = "a list or another iterable, such as ['Accept-Language']"
FIELD = "the name of a field, such as 'Accept-Language'"
STATUS = 'a code from 200 to 599, a class such as "2xx", "any", or several of these'
FOR_CACHED = (
    "one of cacheable, client, everybody, private, public, revalidate, server, "
    "stale_if_error, stale_while_revalidate, status"
)
GROUP = "a str that is not empty, such as 'news'"
VIEW = "a function, a method or a view class (below @staticmethod and @classmethod)"
CONTROL = "a control, such as never_cache"
CONTROLS_NEEDED = "one or more, such as never_cache"
PATH = "a pattern that begins with / or * and has none of < > { } ? # %41, such as '/api/*'"
NO_VOUCHER = (
    "a control that vouches for no page, such as cache_for(…), or have a path such as '/news/*'"
)
HOST = "a pattern of hosts, such as '*.example.org'"
KIND = "a pattern without parameters, such as 'text/html'"
METHOD = "a method in capital letters, such as 'GET'"
NAMES = "a list or another iterable, such as ['page']"
FOR_ROUTE = (
    "one of accept, collapse, content_type, cookies, encodings, fields, host, languages, method, "
    "odd_paths, override, query, request_directives, select, status, vary_by"
)
NONE = "None beside options that count before the look-up, which need no response"
ROUTES_NEEDED = "a list or another iterable, such as [Route('/api/*', never_cache)]"
PREFIX = "a path that begins and ends with / and has no *, such as '/static/'"
EARLY = ", which must be known before the view is called: give it to a Route, as in "
Row = tuple[str, type[Exception], str, str, str]
"""What is written; what it raises: about what, what that must be, and what it is."""
CONTROLS: list[Row] = [
    (
        "cache_for(view)",
        TypeError,
        "the arguments of cache_for()",
        "keywords, as in cache_for(minutes=5)",
        "<function view>",
    ),
    (
        "cache_for(5)",
        TypeError,
        "the arguments of cache_for()",
        "keywords, as in cache_for(minutes=5)",
        "5",
    ),
    ("cache_for(minute=5)", TypeError, "a keyword of cache_for()", FOR_CACHE_FOR, "'minute'"),
    ("cache_for(minutes='5')", TypeError, "minutes of cache_for()", "a number", "'5'"),
    ("cache_for(minutes=True)", TypeError, "minutes of cache_for()", "a number", "True"),
    ("cache_for(minutes=-5)", ValueError, "the lifetime of cache_for()", LIFETIME, "minutes=-5"),
    (
        "cache_for(days=10**9)",
        ValueError,
        "the lifetime of cache_for()",
        LIFETIME,
        "days=1000000000",
    ),
    (
        "cache_for(days=float('inf'))",
        ValueError,
        "the lifetime of cache_for()",
        LIFETIME,
        "days=inf",
    ),
    (
        "cache_for(days=float('nan'))",
        ValueError,
        "the lifetime of cache_for()",
        LIFETIME,
        "days=nan",
    ),
    ("cache_control()", TypeError, "the directives of cache_control()", DIRECTIVES, "{}"),
    (
        "cache_control(public=False)",
        TypeError,
        "the directives of cache_control()",
        DIRECTIVES,
        "{'public': False}",
    ),
    (
        "cache_control(view)",
        TypeError,
        "the arguments of cache_control()",
        "keywords, as in cache_control(max_age=60)",
        "<function view>",
    ),
    (
        "cache_control(maxage=5)",
        TypeError,
        "a keyword of cache_control()",
        FOR_CACHE_CONTROL,
        "'maxage'",
    ),
    ("cache_control(max_age='5')", TypeError, "max_age of cache_control()", SECONDS, "'5'"),
    ("cache_control(max_age=1.5)", TypeError, "max_age of cache_control()", SECONDS, "1.5"),
    ("cache_control(max_age=True)", TypeError, "max_age of cache_control()", SECONDS, "True"),
    ("cache_control(max_age=-1)", ValueError, "max_age of cache_control()", SECONDS, "-1"),
    ("cache_control(public='yes')", TypeError, "public of cache_control()", FLAG, "'yes'"),
    ("cache_control(private=5)", TypeError, "private of cache_control()", FIELDS, "5"),
    ("cache_control(private=(5,))", TypeError, "each of private of cache_control()", FIELD, "5"),
    (
        "cache_control(private=())",
        ValueError,
        "private of cache_control()",
        "one name of a field or more",
        "()",
    ),
    ("cache_control(private='a b')", ValueError, "private of cache_control()", FIELD, "'a b'"),
    (
        "cache_control(public=True, private=True)",
        ValueError,
        "cache_control()",
        "public or private",
        "both",
    ),
    (
        "cache_control(max_age=5, status='2x')",
        ValueError,
        "status of cache_control()",
        STATUS,
        "'2x'",
    ),
    (
        "cache_control(max_age=5, status='1xx')",
        ValueError,
        "status of cache_control()",
        STATUS,
        "'1xx'",
    ),
    (
        "cache_control(max_age=5, status=100)",
        ValueError,
        "status of cache_control()",
        STATUS,
        "100",
    ),
    ("cache_control(max_age=5, status=2.5)", TypeError, "status of cache_control()", STATUS, "2.5"),
    (
        "cache_control(max_age=5, status=[None])",
        TypeError,
        "status of cache_control()",
        STATUS,
        "None",
    ),
    (
        "cached()",
        TypeError,
        "the arguments of cached()",
        "one or more, as in cached(client=60)",
        "{}",
    ),
    (
        "cached(60)",
        TypeError,
        "the arguments of cached()",
        "keywords, as in cached(client=60, server=3600)",
        "60",
    ),
    ("cached(ttl=60)", TypeError, "a keyword of cached()", FOR_CACHED, "'ttl'"),
    ("cached(client='60')", TypeError, "client of cached()", SECONDS, "'60'"),
    ("cached(server=-1)", ValueError, "server of cached()", SECONDS, "-1"),
    ("cached(client=60, private=1)", TypeError, "private of cached()", FLAG, "1"),
    (
        "cached(client=60, private=True, public=True)",
        ValueError,
        "cached()",
        "public or private",
        "both",
    ),
    (
        "cached(cacheable=False, client=60)",
        ValueError,
        "cacheable of cached()",
        "True beside other arguments",
        "False",
    ),
    (
        "cached(revalidate=True, client=60)",
        ValueError,
        "client of cached()",
        "0 where revalidate=True",
        "60",
    ),
    ("cached(server=60, everybody=1)", TypeError, "everybody of cached()", FLAG, "1"),
    *[
        (written, ValueError, "server of cached()", "1 or more where everybody=True", given)
        for written, given in (
            ("cached(everybody=True)", "None"),
            ("cached(client=60, everybody=True)", "None"),
            ("cached(server=0, everybody=True)", "0"),
        )
    ],
    (
        "cached(cacheable=False, everybody=True)",
        ValueError,
        "cacheable of cached()",
        "True beside other arguments",
        "False",
    ),
    (
        "cached(client=60, query=('q',))",
        TypeError,
        "a keyword of cached()",
        FOR_CACHED,
        "'query'" + EARLY + "Route(path, query=…)",
    ),
    (
        "cache_control(vary_by=len)",
        TypeError,
        "a keyword of cache_control()",
        FOR_CACHE_CONTROL,
        "'vary_by'" + EARLY + "Route(path, vary_by=…)",
    ),
    (
        "cache_for(cookies=('a',))",
        TypeError,
        "a keyword of cache_for()",
        FOR_CACHE_FOR,
        "'cookies'" + EARLY + "Route(path, cookies=…)",
    ),
    ("vary()", ValueError, "the fields of vary()", "one name of a field or more", "()"),
    ("vary('*')", ValueError, "each of the fields of vary()", FIELD, "'*'"),
    (
        "vary('Accept_Language')",
        ValueError,
        "each of the fields of vary()",
        FIELD,
        "'Accept_Language'",
    ),
    ("vary('')", ValueError, "each of the fields of vary()", FIELD, "''"),
    ("vary(5)", TypeError, "each of the fields of vary()", FIELD, "5"),
    ("vary(view)", TypeError, "each of the fields of vary()", FIELD, "<function view>"),
    (
        "cache_groups()",
        TypeError,
        "the groups of cache_groups()",
        'one or more, as in cache_groups("news")',
        "()",
    ),
    ("cache_groups(5)", TypeError, "each of the groups of cache_groups()", GROUP, "5"),
    ("cache_groups('a', '')", ValueError, "each of the groups of cache_groups()", GROUP, "''"),
    ("no_cache(5)", TypeError, "what never_cache decorates", VIEW, "5"),
    ("cache_for(minutes=1)(None)", TypeError, "what cache_for(minutes=1) decorates", VIEW, "None"),
    (
        "no_cache(staticmethod(view))",
        TypeError,
        "what never_cache decorates",
        VIEW,
        "<staticmethod(<function view>)>",
    ),
    (
        "no_cache(classmethod(view))",
        TypeError,
        "what never_cache decorates",
        VIEW,
        "<classmethod(<function view>)>",
    ),
    (
        "no_cache(int)",
        TypeError,
        "a class that never_cache decorates",
        "one with a method dispatch or dispatch_request",
        "<class 'int'>: decorate a method of it",
    ),
    ("current().say(5)", TypeError, "each argument of say()", CONTROL, "5"),
    (
        "current().say(no_cache, view)",
        TypeError,
        "each argument of say()",
        CONTROL,
        "<function view>",
    ),
]
ROUTES: list[Row] = [
    ("Route()", ValueError, "Route.controls", CONTROLS_NEEDED, "()"),
    ("Route('/x')", ValueError, "Route.controls", CONTROLS_NEEDED, "()"),
    ("Route('x', no_cache)", ValueError, "Route.path", PATH, "'x'"),
    ("Route('', no_cache)", ValueError, "Route.path", PATH, "''"),
    *[
        (f"Route({path!r}, no_cache)", ValueError, "Route.path", PATH, repr(path))
        for path in ("/a/<int:n>", "/a/{n}", "/a>", "/a}", "/a?page=*", "/a#b", "/%C3%BC")
    ],
    *[
        (use, ValueError, "each of Route.controls for every path", NO_VOUCHER, got)
        for use, got in (
            ("Route('*', cached(server=300))", "cached(server=300)"),
            ("Route(cached(server=300), host='a.org')", "cached(server=300)"),
            ("Route('/*', vary('A'), cached(server=300))", "cached(server=300)"),
            ("Route('*/*', cache_control(public=True))", "cache_control(public=True)"),
        )
    ],
    ("Route(5, no_cache)", TypeError, "Route.path", PATH, "5"),
    ("Route('/x', view)", TypeError, "each of Route.controls", CONTROL, "<function view>"),
    (
        "Route('/x', cache_for)",
        TypeError,
        "each of Route.controls",
        CONTROL,
        "<function cache_for>",
    ),
    ("Route('/x', no_cache, override=1)", TypeError, "Route.override", FLAG, "1"),
    ("Route('/x', no_cache, odd_paths='y')", TypeError, "Route.odd_paths", FLAG, "'y'"),
    ("Route('/x', collapse=None)", TypeError, "Route.collapse", FLAG, "None"),
    ("Route('/x', override=True)", ValueError, "Route.controls", CONTROLS_NEEDED, "()"),
    (
        "Route('/x', query=('q',), override=True)",
        ValueError,
        "Route.controls",
        CONTROLS_NEEDED,
        "()",
    ),
    ("Route('/x', no_cache, host=5)", TypeError, "Route.host", HOST, "5"),
    ("Route('/x', no_cache, host='')", ValueError, "Route.host", HOST, "''"),
    ("Route(no_cache, content_type=5)", TypeError, "Route.content_type", KIND, "5"),
    ("Route(no_cache, content_type='json')", ValueError, "Route.content_type", KIND, "'json'"),
    (
        "Route(no_cache, content_type='text/html; charset=utf-8')",
        ValueError,
        "Route.content_type",
        KIND,
        "'text/html; charset=utf-8'",
    ),
    ("Route(no_cache, host='http://a.org')", ValueError, "Route.host", HOST, "'http://a.org'"),
    ("Route(no_cache, host='{t}.a.org')", ValueError, "Route.host", HOST, "'{t}.a.org'"),
    ("Route(no_cache, host='<t>.a.org')", ValueError, "Route.host", HOST, "'<t>.a.org'"),
    ("Route(no_cache, host='münchen.de')", ValueError, "Route.host", HOST, "'münchen.de'"),
    (
        "Route('/x', no_cache, status=())",
        ValueError,
        "Route.status",
        f"{STATUS}, and at least one",
        "()",
    ),
    (
        "Route('/x', no_cache, method=5)",
        TypeError,
        "Route.method",
        "a list or another iterable, such as ['GET', 'POST']",
        "5",
    ),
    ("Route('/x', no_cache, method='get')", ValueError, "Route.method", METHOD, "'get'"),
    (
        "Route('/x', no_cache, method=())",
        ValueError,
        "Route.method",
        "one method or more, such as 'GET'",
        "()",
    ),
    ("Route('/x', no_cache, method=[5])", TypeError, "each of Route.method", METHOD, "5"),
    ("Route('/x', no_cache, status=7)", ValueError, "Route.status", STATUS, "7"),
    ("Route('/x', query='q')", TypeError, "Route.query", NAMES, "'q': write ['q']"),
    ("Route('/x', query=5)", TypeError, "Route.query", NAMES, "5"),
    ("Route('/x', cookies=(1,))", TypeError, "each of Route.cookies", "a str", "1"),
    (
        "Route('/x', vary_by='X')",
        TypeError,
        "Route.vary_by",
        "a callable that takes the environ",
        "'X'",
    ),
    (
        "Route('/x', no_cache, contentype='a')",
        TypeError,
        "a keyword of Route()",
        FOR_ROUTE,
        "'contentype'",
    ),
    (
        "Route('/x', no_cache, query=(), status=200)",
        ValueError,
        "Route.status and Route.content_type",
        NONE,
        "(200, None)",
    ),
    (
        "Route('/x', vary_by=len, content_type='a/b')",
        ValueError,
        "Route.status and Route.content_type",
        NONE,
        "(None, 'a/b')",
    ),
    (
        "Route('/x', fields=('X_Device',))",
        ValueError,
        "each of Route.fields",
        "the name of a field, such as 'Accept-Language'",
        "'X_Device'",
    ),
    (
        "CacheMiddleware(view, routes=[no_cache])",
        TypeError,
        "each of routes",
        "a Route",
        "never_cache",
    ),
    ("CacheMiddleware(view, routes=5)", TypeError, "routes", ROUTES_NEEDED, "5"),
    (
        "CacheMiddleware(view, routes=Route('/x', no_cache))",
        TypeError,
        "routes",
        ROUTES_NEEDED,
        "<Route '/x' never_cache>: write [<Route '/x' never_cache>]",
    ),
    (
        "StaticVersions(5)",
        TypeError,
        "StaticVersions.directory",
        "the path of a directory, such as 'static'",
        "5",
    ),
    (
        "StaticVersions('/no/such')",
        ValueError,
        "StaticVersions.directory",
        "a directory that exists",
        "'/no/such'",
    ),
    ("StaticVersions('.', 'static/')", ValueError, "StaticVersions.prefix", PREFIX, "'static/'"),
    ("StaticVersions('.', '/static')", ValueError, "StaticVersions.prefix", PREFIX, "'/static'"),
    ("StaticVersions('.', '/*/')", ValueError, "StaticVersions.prefix", PREFIX, "'/*/'"),
    (
        "StaticVersions('.').url(None)",
        TypeError,
        "name of version()",
        "the name of a file, such as 'app.js'",
        "None",
    ),
    ("StaticVersions('.', 5)", TypeError, "StaticVersions.prefix", PREFIX, "5"),
    ("easy_setup(view)", TypeError, "app", "a Flask application", "<function view>"),
]


@pytest.mark.parametrize(
    "use",
    [
        "Policy(default=cached(client=300))",
        "Policy(default=cached(client=300, server=0))",
        "Policy(default=cache_control(max_age=5, must_revalidate=True))",
        "Policy(default=json_never_stale)",
        "Route('*', cache_for(minutes=5))",
        "Route('*', cached(client=300, private=True))",
        "Route('/', cached(server=300))",
        "Route('*.css', cached(server=300))",
        "Route('/100% & [more]*', no_cache)",
        "Policy(exempt=['/100%/'])",
    ],
)
def test_what_is_no_wrong_use(use: str) -> None:
    eval(use, dict(vars(wsgicache)))


@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("cache_control(s_maxage=10, stale_while_revalidate=60)", "s-maxage"),
        ("cache_control(s_maxage=10, stale_if_error=60)", "s-maxage"),
        ("cache_control(max_age=9, must_revalidate=True, stale_if_error=6)", "must-revalidate"),
        ("cache_control(max_age=9, proxy_revalidate=True, stale_if_error=6)", "proxy-revalidate"),
        ("cache_control(no_cache=True, stale_while_revalidate=6)", "no-cache"),
        ("cached(client=0, stale_while_revalidate=6)", "no-cache"),
        ("cached(client=9, stale_while_revalidate=6)", None),
        ("cached(client=0, server=9, stale_while_revalidate=6)", None),
        ("cache_control(max_age=9, no_cache='X-A', stale_while_revalidate=6)", None),
        ("cache_control(s_maxage=10)", None),
    ],
)
def test_a_window_that_does_nothing_is_warned_of(use: str, name: str | None) -> None:
    """Where it is written; §5.2.2.10 says why."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(compile(use, "views.py", "eval"), dict(vars(wsgicache)))
    assert [one.filename for one in caught] == (["views.py"] if name else [])
    assert all(f"{use.partition('(')[0]}(" in str(one.message) for one in caught)
    assert all(f": {name} forbids shared caches" in str(one.message) for one in caught)


@pytest.mark.parametrize(
    ("use", "kind", "subject", "must_be", "got"),
    CONTROLS + ROUTES,
    ids=[row[0] for row in CONTROLS + ROUTES],
)
def test_wrong_use_is_told_at_once(
    use: str, kind: type[Exception], subject: str, must_be: str, got: str
) -> None:
    names: dict[str, Any] = {**vars(wsgicache), "view": view}
    with pytest.raises(kind) as raised:
        eval(use, names)
    message = re.sub(" at 0x[0-9a-f]+", "", str(raised.value))
    assert message == f"{subject} must be {must_be}, got {got}"
