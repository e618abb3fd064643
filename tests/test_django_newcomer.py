"""A new project of ``django-admin startproject``, in which the how-to page is followed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.servers import free_port
from tests.running import ROOT, environment, eventually

PAGE = (ROOT / "docs/howto/django.rst").read_text("utf-8")
BLOCK = re.compile(r"^\.\. code-block:: python\n   :caption: (\S+)\n\n((?:   .*\n|\n)+)", re.M)
BLOCKS = {name: re.sub("^   ", "", text, flags=re.M) for name, text in BLOCK.findall(PAGE)}
COMMANDS = re.findall(r"^    \$ python manage\.py (wsgicache .*)$", PAGE, re.M)
MORE = """
import os
DEBUG = "LIVE" not in os.environ
ALLOWED_HOSTS = [] if DEBUG else ["www.example.org"]
"""
URLS = """
from django.contrib import admin
from django.urls import include, path
from news import views
urlpatterns = [
    path("admin/cache/", include("wsgicache.django.urls")),
    path("кэш/", include("wsgicache.django.urls")),
    path("<slug:shop>/cache/", include("wsgicache.django.urls")),
    path("admin/", admin.site.urls),
    path("news/", views.News.as_view()),
    path("news/<int:pk>", views.article, name="article"),
]
"""
ADMIN = """
from django.contrib import admin
from news.models import Article
admin.site.register(Article)
"""
TESTS = """
import re
from unittest import mock
from django.contrib.auth.models import User
from django.test import TransactionTestCase
from wsgicache.django import cache
from wsgicache.django.testing import Client
from wsgicache.stores.memory import MemoryStore
from wsgicache.testing import assert_hit, assert_not_stored, assert_stored

class AdminTest(TransactionTestCase):
    client_class = Client

    def test_the_admin_site_works_as_without_a_cache(self):
        assert isinstance(cache.store, MemoryStore)
        User.objects.create_superuser("admin", password="secret")
        response = self.client.get("/admin/", follow=True)
        self.assertContains(response, "Password")
        assert_not_stored(response)
        form = {"username": "admin", "password": "secret"}
        response = self.client.post(response.request["PATH_INFO"], form)
        self.assertEqual(response.status_code, 302)
        assert_stored(self.client.get("/news/"))
        assert_hit(self.client.get("/news/"))
        response = self.client.post("/admin/news/article/add/", {"title": "Sun"}, follow=True)
        self.assertContains(response, "was added successfully")
        assert_not_stored(response, reason="no-store")
        response = self.client.get("/admin/news/article/")
        self.assertNotContains(response, "was added successfully")
        response = self.client.get("/news/")
        self.assertContains(response, "Sun")
        assert_stored(response)

    def test_a_forced_login_is_for_one_visitor(self):
        other = Client(beside=self.client)
        self.client.force_login(User.objects.create_superuser("admin"))
        self.assertEqual(self.client.get("/admin/").status_code, 200)
        self.assertEqual(other.get("/admin/").status_code, 302)

    def test_the_dashboard_is_for_superusers(self):
        client = Client(enforce_csrf_checks=True)
        response = client.get("/admin/cache/")
        self.assertRedirects(response, "/accounts/login/?next=/admin/cache/", 302, 404)
        client.force_login(User.objects.create_user("editor"))
        self.assertEqual(client.get("/admin/cache/").status_code, 403)
        client.force_login(User.objects.create_superuser("admin"))
        response = client.get("/admin/cache/")
        assert_not_stored(response, reason="no-store")
        self.assertContains(response, "<h1")
        style = re.search(r'href="([^"]+[.]css)"', response.text)[1]
        self.assertEqual(client.get(f"/admin/cache/{style}").status_code, 200)
        self.assertEqual(client.get("/admin/cache/nowhere").status_code, 404)
        self.assertEqual(client.get(f"/north/cache/{style}").status_code, 200)
        self.assertEqual(client.get("/кэш/explain", {"url": "/admin/"}).status_code, 200)
        self.assertEqual(client.get("/кэш/explain", {"url": "/кэш/"}).status_code, 400)

    def test_forms_need_tokens_where_that_is_checked(self):
        client = Client(enforce_csrf_checks=True)
        self.assertEqual(client.post("/admin/login/", {}).status_code, 403)
        with self.assertRaisesMessage(TypeError, "beside of Client() must be a Client"):
            Client(beside=5)

    def test_what_a_view_raises_reaches_the_test(self):
        with mock.patch("news.views.get_object_or_404", side_effect=KeyError):
            with self.assertRaises(KeyError):
                self.client.get("/news/1")
"""
MANAGE = """
import contextlib, io, json, runpy, shlex, sys, traceback
for line in json.load(sys.stdin):
    sys.argv = ["manage.py", *shlex.split(line)]
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            runpy.run_path("manage.py", run_name="__main__")
        except SystemExit as done:
            code = done.code
        except Exception:
            code = traceback.format_exc()
    print(json.dumps([code, said.getvalue()]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project."""
    return made(tmp_path_factory.mktemp("newcomer"))


def made(folder: Path) -> Path:
    """Make a project in *folder* as a newcomer makes it, with a database."""
    line = [sys.executable, "-m", "django", "startproject", "mysite", str(folder)]
    subprocess.run(line, env=environment(), check=True)
    files = {
        **BLOCKS,
        "mysite/urls.py": URLS,
        "news/__init__.py": "",
        "news/admin.py": ADMIN,
        "news/tests_admin.py": TESTS,
        "news/templates/news/article_list.html": "{% for one in object_list %}"
        '<a href="{{ one.get_absolute_url }}">{{ one.title }}</a>{% endfor %}',
    }
    settings = (folder / "mysite/settings.py").read_text("utf-8") + files["mysite/settings.py"]
    (folder / "cache").mkdir()
    files["mysite/settings.py"] = settings.replace("/var/cache/mysite", f"{folder}/cache") + MORE
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    (begun, _), (migrated, _), (checked, said) = manage(
        folder, "makemigrations news", "migrate", "check --fail-level WARNING"
    )
    assert (begun, migrated, checked) == (0, 0, 0), said
    return folder


def manage(project: Path, *lines: str, **variables: str) -> list[tuple[object, str]]:
    """What each line of ``manage.py`` ended with, and what it said, in one process."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MANAGE],
        cwd=project,
        env=environment(**variables),
        input=json.dumps(lines),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [(code or 0, said) for code, said in map(json.loads, done.stdout.splitlines())]


def test_the_page_is_followed() -> None:
    assert BLOCKS.keys() == {
        *("mysite/settings.py", "mysite/wsgi.py"),
        *("news/views.py", "news/models.py", "news/tests.py"),
    }
    assert {line.split()[1] for line in COMMANDS} == set(
        "audit doctor explain inspect purge stats top warm".split()
    )


def test_each_command_works_with_the_settings(project: Path) -> None:
    found = manage(project, *COMMANDS, "wsgicache inspect --url /news/", LIVE="1")
    said = dict(zip([*COMMANDS, ""], found, strict=True))
    for line, expected in {
        "warm": "1 stored",
        "stats": "requests",
        "inspect": "200 OK: ",
        "explain": "http://www.example.org/news/: a hit",
        "purge": "purged all that belongs to 'news'",
        "audit": "1 page without findings",
        "doctor": "no findings",
        "top": "news/",
    }.items():
        (code, text), *_ = [one for name, one in said.items() if f" {line}" in name]
        assert code == 0, text
        assert expected in text
    assert said[""][0] == 1
    assert "ended since by a purge of the group 'news'" in said[""][1]


def test_commands_say_that_each_process_has_a_cache_of_its_own(project: Path) -> None:
    looking = ("stats", "purge --all", "top --once")
    for code, said in manage(project, *(f"wsgicache {one}" for one in looking)):
        assert code == 1
        assert "as DEBUG is on: each process has a cache of its own" in said


def test_the_tests_of_the_page_pass(project: Path) -> None:
    ((code, said),) = manage(project, "test")
    assert code == 0, said
    assert "Ran 6 tests" in said


@contextmanager
def serving(project: Path, *options: str) -> Iterator[Callable[[], str]]:
    """Run ``manage.py runserver``; what asks it for a page returns its Cache-Status, if any."""
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "manage.py", "runserver", str(port), *options],
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def said() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/news/") as response:
                return str(response.headers["Cache-Status"])
        except OSError:
            return ""

    try:
        eventually(said, "runserver does not answer")
        yield said
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


@pytest.mark.network
def test_runserver_goes_through_the_cache(project: Path) -> None:
    with serving(project, "--noreload") as said:
        assert "; hit" in said()
