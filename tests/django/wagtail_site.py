"""A site with Wagtail behind the cache, and what its editors and visitors do.

It runs by itself, ``python -m tests.django.wagtail_site FOLDER``, in a Python that has Wagtail, and
prints the name of each scene that went well.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

PAGES = """
from django.db import models
from wagtail.fields import RichTextField
from wagtail.models import Page
from wagtail.snippets.models import register_snippet
from wsgicache import cache_for

@register_snippet
class Quote(models.Model):
    text = models.TextField()
    def __str__(self):
        return self.text

class Article(Page):
    body = RichTextField(blank=True)
    picture = models.ForeignKey(
        "wagtailimages.Image", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    quote = models.ForeignKey(
        Quote, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    content_panels = [*Page.content_panels, "body", "picture", "quote"]
    template = "article.html"

    @cache_for(hours=1)
    def serve(self, request, *args, **kwargs):
        return super().serve(request, *args, **kwargs)
"""
TEMPLATE = """{% load wagtailcore_tags wagtailimages_tags wagtailuserbar %}
<h1>{{ page.title }}</h1>{{ page.body|richtext }}
{% if page.picture %}{% image page.picture width-40 alt=page.picture.title %}{% endif %}
{{ page.quote.text }}
{% for child in page.get_children.live %}
<a href="{% pageurl child %}">{{ child.title }}</a>{% endfor %}
{% wagtailuserbar %}
"""
PLAIN = TEMPLATE.replace("{% wagtailuserbar %}", "")
URLS = """
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
urlpatterns = [path("admin/", include(wagtailadmin_urls)), path("", include(wagtail_urls))]
"""
WAGTAIL = """
    wagtail.contrib.frontend_cache wagtail.contrib.redirects wagtail.embeds wagtail.sites
    wagtail.users wagtail.snippets wagtail.documents wagtail.images wagtail.search wagtail.admin
    wagtail modelcluster taggit django.contrib.admin django.contrib.auth
    django.contrib.contenttypes django.contrib.sessions django.contrib.messages
    django.contrib.staticfiles
""".split()
HOSTS = ("shop.example", "www.shop.example")
SAVING = """
from tests.django import wagtail_site
wagtail_site.set_up({folder!r})
from home.models import Article
one = Article.objects.get(slug="news")
one.title = {title!r}
one.save_revision().publish()
"""
EVERYDAY = "_ga=GA1.2.3; _fbp=fb.1; cookieyes-consent=yes; theme=dark"


def set_up(folder: str) -> None:
    """Set Django up, with a store that other processes share."""
    import django
    from django.conf import settings

    from wsgicache import Policy

    sys.path.insert(0, folder)
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=[*HOSTS],
        ROOT_URLCONF="home.urls",
        INSTALLED_APPS=["wsgicache.django", "home", *WAGTAIL],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "wagtail.contrib.redirects.middleware.RedirectMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "DIRS": [f"{folder}/templates"],
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/site.db"}
        },
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        LANGUAGE_CODE="en",
        USE_TZ=True,
        STATIC_URL="/static/",
        MEDIA_ROOT=f"{folder}/media",
        MEDIA_URL="/media/",
        WAGTAIL_SITE_NAME="shop",
        WAGTAILADMIN_BASE_URL="http://shop.example",
        WAGTAILFRONTENDCACHE={"default": {"BACKEND": "wsgicache.django.wagtail.Backend"}},
        WSGICACHE={"STORE": f"lmdb://{folder}/store", "POLICY": Policy.django()},
    )
    django.setup()


class Browser:
    """A client with a cookie jar, or with the cookies that it is given."""

    def __init__(self, cookies: str = "", host: str = HOSTS[0]) -> None:
        from werkzeug.test import Client

        from wsgicache.django import get_wsgi_application

        self._client = Client(get_wsgi_application())
        self._host = host
        for name, _, value in (one.partition("=") for one in cookies.split("; ") if one):
            self._client.set_cookie(name, value, domain=host)

    def get(self, path: str) -> Any:
        return self._client.get(path, base_url=f"http://{self._host}", buffered=True)

    def post(self, path: str, page: str, **fields: Any) -> Any:
        """Post a form, with the token of the *page* that has it."""
        found = re.search(r'csrfmiddlewaretoken" value="(\w+)', self.get(page).text)
        assert found, page
        data = {"csrfmiddlewaretoken": found[1], **fields}
        base = f"http://{self._host}"
        return self._client.post(path, base_url=base, data=data, buffered=True)

    def log_in(self, user: str) -> None:
        page, fields = "/admin/login/", {"username": user, "password": "secret", "next": "/admin/"}
        done = self.post(page, page, **fields)
        assert (done.status_code, done.headers["Location"]) == (302, "/admin/"), done.text


def hit(response: Any) -> bool:
    return "; hit" in response.headers["Cache-Status"]


def titles(path: str) -> list[tuple[str, bool]]:
    """What visitors of each host see at *path*, and whether the cache answered."""
    found = []
    for host in HOSTS:
        response = Browser(EVERYDAY, host).get(path)
        title = re.search("<h1>(.*?)</h1>", response.text) if response.status_code == 200 else None
        found.append((title[1] if title else str(response.status_code), hit(response)))
    return found


@contextmanager
def purging(*paths: str) -> Iterator[None]:
    """What stands in the block purges *paths*, which were hits before."""
    for path in paths:
        titles(path)
        assert [one for _, one in titles(path)] == [True, True], path
    yield
    for path in paths:
        assert [one for _, one in titles(path)] == [False, False], path


def begin(folder: str) -> None:
    """Make the files, the tables, the users and some pages."""
    files = {
        "home/__init__.py": "",
        "home/migrations/__init__.py": "",
        "home/models.py": PAGES,
        "home/urls.py": URLS,
        "templates/article.html": TEMPLATE,
        "templates/plain.html": PLAIN,
    }
    for name, text in files.items():
        Path(folder, name).parent.mkdir(parents=True, exist_ok=True)
        Path(folder, name).write_text(text, "utf-8")
    set_up(folder)
    from django.core.management import call_command

    call_command("makemigrations", "home", verbosity=0)
    call_command("migrate", verbosity=0)
    from django.contrib.auth import get_user_model
    from home.models import Article, Quote
    from wagtail.images.models import Image
    from wagtail.models import Page, Site

    users: Any = get_user_model().objects
    users.create_superuser("editor", "editor@shop.example", "secret")
    users.create_user("visitor", "visitor@shop.example", "secret")
    home = Page.objects.get(depth=1).add_child(instance=Article(title="Home", slug="main"))
    Site.objects.update(hostname=HOSTS[0], port=80, root_page=home)
    Site.clear_site_root_paths_cache()
    picture = Image.objects.create(title="a pear", file=png("red"))
    quote = Quote.objects.create(text="said")
    news = home.add_child(instance=Article(title="News", slug="news", picture=picture, quote=quote))
    link = f'<p><a linktype="page" id="{news.pk}">news</a></p>'
    home.add_child(instance=Article(title="About", slug="about", body=link))
    news.add_child(instance=Article(title="Today", slug="today"))


def png(color: str) -> Any:
    from django.core.files.images import ImageFile
    from PIL import Image

    buffer = BytesIO()
    Image.new("RGB", (60, 40), color).save(buffer, "PNG")
    return ImageFile(BytesIO(buffer.getvalue()), name=f"{color}.png")


def article(slug: str) -> Any:
    from home.models import Article

    return Article.objects.get(slug=slug)


# ── The scenes, in order ───────────────────────────────────────────────────────────────────────


def everyday_cookies_give_hits(folder: str) -> None:
    assert titles("/news/") == [("News", False)] * 2
    assert titles("/news/") == [("News", True)] * 2
    assert hit(Browser("_ga=GA1.9.9; other=1").get("/news/"))


def a_published_page_is_new_at_the_next_request(folder: str) -> None:
    page = article("news")
    page.title = "Newer"
    revision = page.save_revision()
    assert titles("/news/") == [("News", True)] * 2  # a draft
    with purging("/news/", "/news/?page=2", "/"):
        revision.publish()
    assert titles("/news/") == [("Newer", True)] * 2


def another_process_publishes(folder: str) -> None:
    assert titles("/news/") == [("Newer", True)] * 2
    script = SAVING.format(folder=folder, title="Newest")
    subprocess.run([sys.executable, "-c", script], check=True)
    assert titles("/news/") == [("Newest", False)] * 2


def a_page_that_is_taken_back_is_gone(folder: str) -> None:
    today = article("today")
    with purging("/news/today/", "/news/"):
        today.unpublish()
    assert titles("/news/today/") == [("404", False)] * 2
    today.refresh_from_db()
    with purging("/news/"):
        today.save_revision().publish()
    assert titles("/news/today/")[0][0] == "Today"


def a_page_that_moves_takes_its_children_along(folder: str) -> None:
    with purging("/news/", "/news/today/", "/about/"):
        article("news").move(article("about"), pos="last-child")
    assert titles("/news/today/")[0][0] == "301"  # a redirect of Wagtail
    assert titles("/about/news/today/")[0][0] == "Today"
    with purging("/about/news/today/"):
        page = article("news")
        page.slug = "old-news"
        page.save_revision().publish()
    assert titles("/about/news/today/")[0][0] == "301"
    with purging("/about/old-news/"):
        page = article("old-news")
        page.slug = "news"
        page.save_revision().publish()
        article("news").move(article("main"), pos="last-child")


def an_image_and_a_snippet_purge_the_pages_that_show_them(folder: str) -> None:
    news = article("news")
    with purging("/news/"):
        news.picture.title = "another pear"
        news.picture.file = png("green")
        news.picture.save()
    assert "another pear" in Browser().get("/news/").text
    with purging("/news/"):
        news.quote.text = "said again"
        news.quote.save()
    assert "said again" in Browser().get("/news/").text
    with purging("/news/"):
        news.picture.delete()


def a_page_that_links_to_another_is_purged_with_it(folder: str) -> None:
    with purging("/about/"):
        article("news").save_revision().publish()


def a_page_that_becomes_private_is_not_kept(folder: str) -> None:
    from wagtail.models import PageViewRestriction

    with purging("/news/", "/news/today/"):
        limit = PageViewRestriction.objects.create(
            page=article("news"), restriction_type="password", password="pear"
        )
    for path in ("/news/", "/news/today/"):
        assert titles(path) == titles(path) == [("Password required", False)] * 2
    inside = Browser()
    form = re.search(r'action="(.*?)"', inside.get("/news/").text)
    assert form
    inside.post(form[1], "/news/", password="pear", return_url="/news/")
    for _ in range(2):
        shown = inside.get("/news/")
        assert "<h1>Newest</h1>" in shown.text
        assert not hit(shown)
    assert titles("/news/") == [("Password required", False)] * 2
    limit.delete()
    assert titles("/news/") == [("Newest", False)] * 2


def a_page_that_is_deleted_is_gone(folder: str) -> None:
    from wagtail.models import PageViewRestriction

    about = article("about")
    for slug in ("old", "older"):
        about = about.add_child(instance=type(about)(title=slug, slug=slug))
    limit = {"restriction_type": "login", "page": about}
    with purging("/about/", "/about/old/"):
        PageViewRestriction.objects.create(**limit)
        article("old").delete()
    assert titles("/about/old/") == titles("/about/old/older/") == [("404", False)] * 2


def the_userbar_is_not_stored(folder: str) -> None:
    editor = Browser()
    editor.log_in("editor")
    for _ in range(2):
        shown = editor.get("/news/")
        assert "wagtail-userbar" in shown.text, shown.text
        assert not hit(shown)
    for _ in range(2):
        assert "wagtail-userbar" not in Browser().get("/news/").text


def a_preview_is_not_stored(folder: str) -> None:
    editor = Browser()
    editor.log_in("editor")
    page = article("news")
    before = titles("/news/"), titles("/news/")
    page.title = "Draft"
    page.save_revision()
    for _ in range(2):
        shown = editor.get(f"/admin/pages/{page.pk}/view_draft/")
        assert "<h1>Draft</h1>" in shown.text, shown.text
        assert not hit(shown)
        assert "stored" not in shown.headers["Cache-Status"]
    assert titles("/news/") == before[1]
    answer = Browser(EVERYDAY).get(f"/admin/pages/{page.pk}/view_draft/")
    assert answer.status_code == 302


def people_log_in_and_out(folder: str) -> None:
    for _ in range(2):
        person = Browser(EVERYDAY)
        assert "/admin/login/" in person.get("/admin/").headers["Location"]
        person.log_in("editor")
        assert person.get("/admin/").status_code == 200
        for path in ("/admin/", "/admin/pages/2/", "/admin/account/"):
            shown = person.get(path)
            assert not hit(shown)
            assert "stored" not in shown.headers["Cache-Status"]
        assert person.post("/admin/logout/", "/admin/account/").status_code == 302
        assert "/admin/login/" in person.get("/admin/").headers["Location"]


def a_site_that_changes_purges_all_pages(folder: str) -> None:
    from wagtail.models import Site

    with purging("/news/", "/about/"):
        Site.objects.get().save()


SCENES = (
    everyday_cookies_give_hits,
    a_published_page_is_new_at_the_next_request,
    another_process_publishes,
    a_page_that_is_taken_back_is_gone,
    a_page_that_moves_takes_its_children_along,
    an_image_and_a_snippet_purge_the_pages_that_show_them,
    a_page_that_links_to_another_is_purged_with_it,
    a_page_that_becomes_private_is_not_kept,
    a_page_that_is_deleted_is_gone,
    the_userbar_is_not_stored,
    a_preview_is_not_stored,
    people_log_in_and_out,
    a_site_that_changes_purges_all_pages,
)


def main(folder: str) -> None:
    """Play all scenes in *folder*, which is empty."""
    begin(folder)
    for scene in SCENES:
        scene(folder)
        print(scene.__name__.replace("_", " "), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
