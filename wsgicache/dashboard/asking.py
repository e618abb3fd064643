"""One URL: what is stored for it side by side, who gets what, and what browsers do with that."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from wsgicache.dashboard import browsers
from wsgicache.dashboard.beside import beside, code
from wsgicache.dashboard.hiding import is_secret
from wsgicache.dashboard.markup import Column, count, link, shown, size, table, token
from wsgicache.dashboard.sections import LONGEST, Answer, Asked
from wsgicache.rules.fields import environ_key
from wsgicache.rules.model import FieldLines
from wsgicache.rules.policy import Policy
from wsgicache.rules.request import Request
from wsgicache.rules.variants import matching
from wsgicache.why import asked as requests
from wsgicache.why.causes import FORWARDS, cause_of
from wsgicache.why.comparing import decoded
from wsgicache.why.visitors import Comparison, Visit, compare, visit

__all__ = ["answer"]

_LONGEST_TITLE = 90
_MOST_READ = 64 * 1024
"""Bytes of a content in which a handler of ``unload`` is looked for."""
_COMMON = ("User-Agent", "Accept-Language")
"""What the app gets of the operator's request in any case."""
_STRANGER, _MINE = "stranger", "mine"


def answer(asked: Asked) -> Answer:
    """Return what is known of the URL that the query names, and ask the app if a form says so."""
    text = (asked.form or asked.query).get("url", "").strip()
    parts = [_form(asked, text)]
    if not text:
        parts.append(Markup('<p class="note">Nothing is stored by what you do here.</p>\n'))
        return Answer(Markup("").join(parts), has_form=True)
    try:
        url = asked.target(text)
    except ValueError as error:
        why = shown(str(error), LONGEST)
        parts.append(Markup('<p class="alert" role="alert">{}</p>\n').format(why))
        return Answer(Markup("").join(parts), "400 Bad Request", has_form=True)
    if asked.form is not None:
        parts.append(_asked(asked, url, asked.form.get("who", "")))
    parts.append(_stored(asked, url))
    return Answer(
        Markup("").join(parts), title=f"One URL: {shown(text, _LONGEST_TITLE)}", has_form=True
    )


def _form(asked: Asked, text: str) -> Markup:
    cookies = ", ".join(requests.cookie_names(asked.cookies))
    sent = f"Your cookies here: {shown(cookies)}." if cookies else "Your browser has none here."
    return Markup(
        '<form method="get"><div class="fields"><label>URL of this host '
        '<input name="url" value="{}" required maxlength="{}" inputmode="url"></label>'
        "<button>Show</button></div></form>\n"
        '<form method="post">{}<input type="hidden" name="url" value="{}">'
        '<p><button name="who" value="{}">Ask as a stranger</button> '
        '<button name="who" value="{}">Ask with my cookies, and compare</button></p>\n'
        '<p class="note">The application is asked, and nothing is stored. A stranger has no '
        "cookies and no credentials. {}</p></form>\n"
    ).format(shown(text, LONGEST), LONGEST, asked.session.hidden, text, _STRANGER, _MINE, sent)


def _fields(asked: Asked, cookies: str = "") -> FieldLines:
    """Return the fields of a request for a page: those of the operator that name no person."""
    found = [(name, asked.environ.get(environ_key(name), "")) for name in _COMMON]
    return [line for line in (*found, ("Cookie", cookies)) if line[1]]


# ── the application is asked ───────────────────────────────────────────────────────────────────


def _asked(asked: Asked, url: str, who: str) -> Markup:
    remote = str(asked.environ.get("REMOTE_ADDR", ""))
    first = visit(asked.cache, url, _fields(asked), remote)
    visits = {"a stranger": first}
    compared = Markup("")
    if who == _MINE:
        again = visit(asked.cache, url, _fields(asked), remote)
        mine = visit(asked.cache, url, _fields(asked, asked.cookies), remote)
        visits["you"] = mine
        compared = _compared(compare(first, again, mine), asked.cache.policy)
    now = asked.cache.clock.wall()
    tables = {name: _browsers(one, now) for name, one in visits.items()}
    if len(set(tables.values())) == 1 and len(tables) == 2:
        tables = {"both answers": tables["a stranger"]}
    else:
        tables = {f"the answer to {name}": one for name, one in tables.items()}
    heading = Markup("<h3>What browsers do with {}</h3>\n{}")
    columns = Markup("").join(heading.format(*one) for one in tables.items())
    return Markup(
        '<section aria-labelledby="asked">\n<h2 id="asked">What the application answers</h2>\n'
        "{}{}{}</section>\n"
    ).format(_answers(visits, asked.cache.policy), compared, columns)


def _browsers(one: Visit, now: float) -> Markup:
    content = decoded(one.answer)[:_MOST_READ]
    return browsers.column(one.outcome.status, one.outcome.fields, now, content)


def _answers(visits: dict[str, Visit], policy: Policy) -> Markup:
    """Return the answers side by side."""
    columns = [Column("answer to"), *map(Column, visits)]
    rows: list[tuple[object, ...]] = [
        ("status", *(shown(one.outcome.status) for one in visits.values())),
        ("Cache-Status", *(code(one.value("cache-status")) for one in visits.values())),
        ("which means", *(_meaning(one) for one in visits.values())),
        ("content", *(size(len(one.answer.content)) for one in visits.values())),
    ]
    if any(one.answer.raised for one in visits.values()):
        raised = [one.answer.raised for one in visits.values()]
        texts = ["–" if one is None else f"{type(one).__name__}: {one}" for one in raised]
        rows.append(("raised", *map(shown, texts)))
    names = {name.lower(): name for one in visits.values() for name, _ in one.outcome.fields}
    names.pop("cache-status", None)
    rows += [
        (token(name), *(_told(lower, one.value(lower), policy) for one in visits.values()))
        for lower, name in sorted(names.items())
    ]
    return table("Answers of the application, through this cache", columns, rows)


def _told(name: str, value: str, policy: Policy) -> object:
    """Return what a page shows of the *value* of a response field; cookies have none any more."""
    return code("…" if value and is_secret(environ_key(name), policy) else value)


def _meaning(one: Visit) -> str:
    outcome = one.outcome
    if outcome.outcome == "stored":
        return "The cache would store it."
    if outcome.detail is not None:
        return cause_of(outcome.detail).sentence
    return FORWARDS.get(outcome.forward or "", "")


def _compared(found: Comparison, policy: Policy) -> Markup:
    """Return in what the two answers differ."""
    columns = [Column("field"), Column("a stranger"), Column("you"), Column("each time another")]
    rows = [
        (
            code(one.name),
            *(_told(one.name, value, policy) for value in (one.first, one.other)),
            "yes" if one.by_itself else "no",
        )
        for one in found.fields
    ]
    fields = table("Fields that differ", columns, rows, empty="The fields are the same.")
    return Markup("<h3>The difference</h3>\n<p>{}</p>\n{}{}").format(
        _verdict(found), fields, _lines(found)
    )


def _verdict(found: Comparison) -> str:
    if found.is_same:
        return "Both get the same content, byte by byte."
    if found.only_by_itself:
        return (
            "The contents differ only where two answers to the same stranger differ, too: in a "
            "time, a token or a counter."
        )
    if found.why_not:
        return f"The contents differ, and are not compared by lines: {shown(found.why_not)}."
    each = " Two answers to the same stranger differ, too." if found.differs_by_itself else ""
    return f"The contents differ: this page is not the same for everybody.{each}"


def _lines(found: Comparison) -> Markup:
    if not found.lines:
        return Markup("")
    said = {"-": "a stranger gets: ", "+": "you get: "}
    lines = Markup("").join(
        Markup('<span class="{}"><span class="unseen">{}</span>{} {}</span>\n').format(
            {"-": "gone", "+": "come"}.get(line.sign, "same"),
            said.get(line.sign, ""),
            line.sign or " ",
            shown(line.text),
        )
        for line in found.lines
    )
    more = f"and {count(found.left_out)} lines more" if found.left_out else ""
    return Markup(
        '<p class="note">- is what a stranger gets, + what you get.</p>\n'
        '<pre class="difference">{}{}</pre>\n'
    ).format(lines, more)


# ── what is stored ─────────────────────────────────────────────────────────────────────────────


def _stored(asked: Asked, url: str) -> Markup:
    heading = Markup(
        '<section aria-labelledby="stored">\n<h2 id="stored">What is stored</h2>\n<p>{}, {}</p>\n'
    ).format(
        link("entries", "All of it, with why each is kept", url=url),
        link("explain", "what a request for it gets, and why", url=url),
    )
    return heading + Markup("").join(_of_entry(asked, url)) + Markup("</section>\n")


def _of_entry(asked: Asked, url: str) -> Iterator[Markup]:
    cache, fields = asked.cache, _fields(asked)
    request = cache._read(requests.Asked(url, fields).environ(), "GET", cache.policy)
    if not isinstance(request, Request):
        yield Markup("<p>A request for it passes by the cache: {}</p>\n").format(
            cause_of(request).sentence
        )
        return
    yield Markup("<p>A stranger now gets {}</p>\n").format(_now(asked, url, ""))
    if cookies := asked.cookies:
        yield Markup("<p>You now get {}</p>\n").format(_now(asked, url, cookies))
    entry = cache._keeper.entry(request)
    variants = [
        (selector, stored)
        for selector in (entry.responses if entry is not None else ())
        # A shared store may have lost its part.
        if entry is not None and (stored := entry.responses.get(selector)) is not None
    ]
    if entry is None or not variants:
        yield Markup('<p class="empty">Nothing is stored for it.</p>\n')
        return
    chosen = next(iter(matching(request, entry, cache.policy)), None)
    variants.sort(key=lambda one: one[0] != chosen)
    yield beside(entry, variants, cache.clock.now(), chosen, cache.policy)
    now, wall = cache.clock.now(), cache.clock.wall()
    stored = variants[0][1]
    age = ("Age", str(max(0, int(now - stored.generated_at))))
    which = "the response that a stranger gets" if chosen is not None else "the first of them"
    yield Markup("<h3>What browsers do with {}</h3>\n{}").format(
        which,
        browsers.column(
            stored.status, [*stored.fields, age], wall, (stored.content or b"")[:_MOST_READ]
        ),
    )


def _now(asked: Asked, url: str, cookies: str) -> str:
    found = asked.cache.explain(url, _fields(asked, cookies), ask=False)
    if found.outcome == "hit":
        return "what is stored: a hit."
    if found.outcome == "bypass":
        return "an answer of the application: the request passes by the cache."
    return f"an answer of the application: {FORWARDS[found.forward or 'uri-miss']}."
