"""The section that purges: a URL, groups, a prefix, or everything, by a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlencode

from markupsafe import Markup

from wsgicache.dashboard.forms import MOST_BYTES
from wsgicache.dashboard.markup import count, link, shown
from wsgicache.dashboard.sections import Answer, Asked
from wsgicache.purging import Purged, nothing_found, number_of

__all__ = ["answer"]

_DONE = "purge done"
"""The kind of the signature under the sentence that says what was purged."""
_MOST_NAMED = 5
_LONGEST = 1_500


def answer(asked: Asked) -> Answer:
    """Return the forms, or do what one of them says, and lead to what was done."""
    if asked.form is None:
        return _forms(asked, asked.query, _done(asked))
    try:
        done = _purged(asked, asked.form)
    except (ValueError, TypeError) as error:
        return _forms(asked, asked.form, _alert(str(error)), "400 Bad Request")
    except Exception as error:
        said = f"Not all was purged. {type(error).__name__}: {error}"
        return _forms(asked, asked.form, _alert(said), "502 Bad Gateway")
    sentence = _sentence(done)
    signature = asked.forms.signed(_DONE, f"{asked.session.name} {sentence}")
    query = urlencode({"done": sentence, "sign": signature}, errors="surrogatepass")
    return Answer(status="303 See Other", location=f"purge?{query}")


def _purged(asked: Asked, form: Mapping[str, str]) -> Purged:
    """Do what *form* says."""
    cache, what, soft = asked.cache, form.get("what", "").strip(), "soft" in form
    kinds: dict[str, Callable[[], Purged]] = {
        "url": partial(cache.purge, what, soft=soft, both_schemes="both" in form),
        "groups": lambda: cache.purge_groups(
            *filter(None, (line.strip() for line in what.splitlines())),
            origin=form.get("origin", "").strip() or None,
            soft=soft,
        ),
        "prefix": partial(cache.purge_prefix, what, soft=soft),
        "all": partial(cache.purge_all, soft=soft),
    }
    kind = form.get("kind", "")
    if kind not in kinds:
        raise ValueError("the form does not say what to purge")
    if kind == "all" and "sure" not in form:
        raise ValueError("everything is purged only if you say that you are sure")
    return kinds[kind]()


def _sentence(done: Purged) -> str:
    """Return what was purged."""
    verb = "Made stale" if done.soft else "Purged"
    names = ", ".join(shown(one, 200) for one in done.what[:_MOST_NAMED])
    more = len(done.what) - _MOST_NAMED
    names += f" and {count(more)} more" if more > 0 else ""
    if done.responses is None:
        text = f"all that belongs to {names}" if done.what else "everything"
    elif not done.what:
        text = "nothing: no stored URL begins so"
    else:
        text = f"{number_of('response', done.responses)} of {names}{nothing_found(done)}"
    return f"{verb}: {text}."[:_LONGEST]


# ── showing ────────────────────────────────────────────────────────────────────────────────────


def _done(asked: Asked) -> Markup:
    """Return what was purged, if this page itself has led here."""
    sentence, signature = asked.query.get("done", ""), asked.query.get("sign", "")
    if not sentence:
        return Markup()
    if not asked.forms.is_signed(_DONE, f"{asked.session.name} {sentence}", signature):
        return _alert("What was done is not known: another process, or another page, led here.")
    said = Markup('<p class="done" role="status">{}</p>\n<p>{}</p>\n')
    return said.format(sentence, link("entries", "What is stored now"))


def _alert(text: str) -> Markup:
    return Markup('<p class="alert" role="alert">{}</p>\n').format(shown(text, 1000))


def _forms(asked: Asked, given: Mapping[str, str], said: Markup, status: str = "200 OK") -> Answer:
    kind, soft = given.get("kind", ""), Markup(" checked") if "soft" in given else ""
    # What a link has filled in must not look like something else.
    lines = [shown(line, MOST_BYTES) for line in given.get("what", "").splitlines()]
    values = {kind: "\n".join(lines)}
    origin = shown(given.get("origin", ""), MOST_BYTES)
    forms = Markup("").join(
        Markup(
            '<form action="purge" method="post">{}<input type="hidden" name="kind" value="{}">\n'
            "<fieldset><legend>{}</legend>\n{}\n"
            '<p><label class="choice"><input type="checkbox" name="soft" value="1"{}> Make stale '
            "instead: it may still stand in until the application has answered</label></p>\n"
            '<button class="danger">{}</button></fieldset></form>\n'
        ).format(
            asked.session.hidden,
            name,
            legend,
            Markup(fields).format(values.get(name, ""), origin),
            soft if name == kind else "",
            button,
        )
        for name, legend, fields, button in _KINDS
    )
    columns = Markup('<div class="columns">\n{}</div>\n').format(forms)
    return Answer(said + columns, status, has_form=True)


_KINDS = (
    (
        "url",
        "A URL",
        '<label>URL, with its query <input name="what" value="{}" required '
        'placeholder="https://example.org/page?n=1"></label>\n'
        '<p><label class="choice"><input type="checkbox" name="both" value="1"> For http and '
        "https</label></p>",
        "Purge the URL",
    ),
    (
        "groups",
        "Groups",
        '<label>Names of groups, one a line <textarea name="what" rows="2" required>\n{}</textarea>'
        '</label>\n<label>Of one origin only <input name="origin" value="{}" '
        'placeholder="https://example.org"></label>',
        "Purge the groups",
    ),
    (
        "prefix",
        "All URLs with one beginning",
        '<label>Scheme, host and the beginning of the path <input name="what" value="{}" required '
        'placeholder="https://example.org/blog/"></label>\n'
        '<p class="note">Only in a store that can list what it holds.</p>',
        "Purge all below",
    ),
    (
        "all",
        "Everything",
        '<p><label class="choice"><input type="checkbox" name="sure" value="1" required> I am '
        "sure: the application will be asked for every page</label></p>",
        "Purge everything",
    ),
)
"""The forms: the kind, the legend, the fields, and the button."""
