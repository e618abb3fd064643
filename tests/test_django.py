"""Django behind the cache: settings, checks, and purges after COMMIT, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import environment

SETTINGS = """
SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["shop.example", "www.shop.example"]
INSTALLED_APPS = ["wsgicache.django", "shop"]
ROOT_URLCONF = "shop.pages"
WSGI_APPLICATION = "mysite.wsgi.application"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": "shop.db",
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""
MODELS = """
from django.db import models
class Tag(models.Model):
    name = models.TextField()
class Fruit(models.Model):
    name = models.TextField()
    tags = models.ManyToManyField(Tag)
    def get_absolute_url(self):
        return f"/fruit/{self.pk}"
from wsgicache.django import purge_on_save
purge_on_save(Fruit, groups=lambda fruit: [f"fruit-{fruit.pk}"])
"""
PAGES = """
import sys
from django.http import HttpResponse
from django.urls import path
from wsgicache import cache_for, cache_groups
from shop.models import Fruit
slow = False
@cache_for(hours=1)
def fruit(request, pk):
    one = Fruit.objects.get(pk=pk)
    said = " ".join([one.name, *one.tags.values_list("name", flat=True)])
    if slow:
        print("read", flush=True)
        sys.stdin.readline()
    return HttpResponse(said)
@cache_for(hours=1)
@cache_groups("fruit-1")
def all(request):
    return HttpResponse(", ".join(one.name for one in Fruit.objects.all()))
urlpatterns = [path("fruit/<int:pk>", fruit), path("fruit", all)]
"""
SETUP = """
import os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
from mysite.wsgi import application
from django.db import connection, transaction
from shop import pages
from shop.models import Fruit, Tag
from wsgicache.django import cache
from werkzeug.test import Client
def ask(path, host="shop.example"):
    response = Client(application).get(path, headers={"Host": host}, buffered=True)
    return response.text, "; hit" in response.headers["Cache-Status"]
"""
TABLES = """
with connection.schema_editor() as editor:
    editor.create_model(Tag)
    editor.create_model(Fruit)
Fruit.objects.create(name="apple")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project with one app and a database in WAL."""
    files = {
        "mysite/__init__.py": "",
        "mysite/settings.py": SETTINGS + "WSGICACHE = {}\n",
        "mysite/wsgi.py": "from wsgicache.django import get_wsgi_application\n"
        "application = get_wsgi_application()\n",
        "mysite/two.py": "from wsgicache import CacheMiddleware\n"
        "from wsgicache.django import get_wsgi_application\n"
        "application = CacheMiddleware(get_wsgi_application())\n",
        "mysite/far.py": "from mysite.wsgi import application\n",
        "shop/__init__.py": "",
        "shop/models.py": MODELS,
        "shop/pages.py": PAGES,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def with_settings(project: Path, text: str) -> None:
    (project / "mysite/settings.py").write_text(SETTINGS + text, "utf-8")


def run(project: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-W", "error", "-c", script, *arguments]
    done = subprocess.run(line, cwd=project, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done


EVERY = "WSGICACHE = {}\nSESSION_SAVE_EVERY_REQUEST = True"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
DJANGO_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
NOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
USUAL = [
    *("django.middleware.gzip.GZipMiddleware", SESSIONS, LOCALE),
    *("django.middleware.csrf.CsrfViewMiddleware", USERS),
]
"""The order that Django's documentation gives, in which nothing is wrong."""
CASES: list[tuple[str, dict[str, str]]] = [
    ("", {"E001": "must be a dict, which may be empty, got None"}),
    ("WSGICACHE = 'lmdb'", {"E001": "must be a dict, such as"}),
    ("WSGICACHE = {'Stor': 1}", {"E002": "got 'Stor' Do you mean 'STORE'?"}),
    ("WSGICACHE = {'STORE': 'lmbd:///x'}", {"E003": "got 'lmbd:///x'"}),
    ("WSGICACHE = {'STORE': None}", {"E003": "['STORE'] must be the URL of a store"}),
    ("WSGICACHE = {'POLICY': {'max_variants': 0}}", {"E004": "max_variants must be"}),
    ("WSGICACHE = {'ROUTES': ['/static/']}", {"E005": "must be a list of Routes"}),
    ("WSGICACHE = {'PURGE_TOKEN': 'short'}", {"E006": "['PURGE_TOKEN']: purge_token must be"}),
    ("WSGICACHE = {'COUNTERS': 1}", {"E007": "must be the path of a folder, got 1"}),
    ("WSGICACHE = {'HOSTS': 'a.example'}", {"E008": "['HOSTS'] must be a list"}),
    ("WSGICACHE = {}\nWSGI_APPLICATION = 'shop.models.Fruit'", {}),
    ("WSGICACHE = {}\nWSGI_APPLICATION = None", {"W001": "got None"}),
    ("WSGICACHE = {'RUNNER': 5}", {"E009": "['RUNNER'] must be a function"}),
    ("WSGICACHE = {'OBSERVER': 'shop.models.x'}", {"E010": "got 'shop.models.x': Module"}),
    ("WSGICACHE = {'DASHBOARD': 5}", {"E012": "['DASHBOARD'] must be a function"}),
    ("WSGICACHE = {'CLOCK': 'time.time'}", {"E011": "['CLOCK'] must be an object"}),
    (f"{EVERY}\nMIDDLEWARE = ['{SESSIONS}']", {"W003": "SESSION_SAVE_EVERY_REQUEST is on: "}),
    (EVERY, {}),
    ("WSGICACHE = {}\nWSGI_APPLICATION = 'mysite.two.application'", {"W005": "another cache"}),
    ("WSGICACHE = {}\nWSGI_APPLICATION = 'mysite.far.application'", {}),
    (f"WSGICACHE = {{}}\nMIDDLEWARE = ['{LOCALE}']", {"W007": "['languages'] must be"}),
    (f"WSGICACHE = {{'POLICY': {{'languages': ['en']}}}}\nMIDDLEWARE = ['{LOCALE}']", {}),
    (
        f"WSGICACHE = {{'POLICY': {{'only_cookies': ['a']}}}}\nMIDDLEWARE = ['{USERS}']",
        {"W008": "hides the session cookie 'sessionid'"},
    ),
    (f"WSGICACHE = {{}}\nMIDDLEWARE = ['{DJANGO_CACHE}']", {"W009": "caches, too: each"}),
    (
        f"WSGICACHE = {{'POLICY': {{'languages': ['en']}}}}\nMIDDLEWARE = ['{LOCALE}', '{NOISE}']",
        {"W010": "LocaleMiddleware comes before"},
    ),
    (
        f"WSGICACHE = {{}}\nMIDDLEWARE = ['{NOISE}']\nWHITENOISE_MAX_AGE = 0",
        {"W011": "WHITENOISE_MAX_AGE is 0"},
    ),
    (
        f"WSGICACHE = {{}}\nDEBUG = True\nMIDDLEWARE = ['{TOOLBAR}']",
        {"W012": "Django Debug Toolbar is on"},
    ),
    ("WSGICACHE = {'PURGE_TOKEN': 'change-me-change-me'}", {"W013": "stand for a token"}),
    (f"WSGICACHE = {{'POLICY': {{'languages': ['en']}}}}\nMIDDLEWARE = {USUAL}", {}),
    (
        "WSGICACHE = {}\nALLOWED_HOSTS = ['.shop.example', 'a']",
        {"W004": "got ['.shop.example']"},
    ),
    ("WSGICACHE = {'HOSTS': ['a']}\nALLOWED_HOSTS = ['*']", {}),
    ("WSGICACHE = {'STORE': 'lmdb:///nowhere/at/all'}", {}),
    ("DEPLOY = True\nWSGICACHE = {}", {"W002": "got 'memory://'"}),
    ("DEPLOY = True\nWSGICACHE = {'STORE': 'redis://localhost/0'}", {}),
]
"""Settings, and what the system checks say of them."""
CHECKING = """
import django, json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.test import override_settings
for text in json.loads(sys.argv[1]):
    names = {}
    exec(text, names)
    names = {name: value for name, value in names.items() if name.isupper()}
    with override_settings(**names):
        if not names:
            del settings.WSGICACHE
        found = run_checks(include_deployment_checks="DEPLOY" in names)
    ours = [one for one in found if one.id.startswith("wsgicache.")]
    assert all(one.hint for one in ours)
    print(json.dumps({one.id.partition(".")[2]: f"{one.msg} {one.hint}" for one in ours}))
"""


def test_checks_say_what_is_wrong_with_the_settings(project: Path) -> None:
    lines = run(project, CHECKING, json.dumps([text for text, _ in CASES])).stdout.splitlines()
    for (text, expected), line in zip(CASES, lines, strict=True):
        found = json.loads(line)
        assert found.keys() == expected.keys(), text
        for number, said in expected.items():
            assert said in found[number], text


def test_a_wrong_setting_stops_the_start(project: Path) -> None:
    with_settings(project, "WSGICACHE = {'ROUTES': 1}")
    script = (
        "from django.core.exceptions import ImproperlyConfigured\n"
        f"try:{SETUP.replace(chr(10), chr(10) + ' ')}\n"
        "except ImproperlyConfigured as error: print(error)\n"
    )
    assert "must be a list of Routes" in run(project, script).stdout


def test_the_cache_is_one_and_follows_the_settings(project: Path) -> None:
    with_settings(
        project, "WSGICACHE = {'STORE': 'memory://?max_bytes=1MiB', 'POLICY': {'name': 'x'}}"
    )
    script = (
        f"{SETUP}\n"
        "from wsgicache.django import get_wsgi_application\n"
        "from wsgicache import CacheMiddleware\n"
        "assert get_wsgi_application() is application and cache.store is application.store\n"
        "assert isinstance(cache, CacheMiddleware)\n"
        "from django.core.servers.basehttp import get_internal_wsgi_application as for_runserver\n"
        "assert for_runserver() is application\n"
        "print(cache.policy.name, cache.policy.only_cookies, cache.policy.debug)"
    )
    done = run(project, script)
    assert done.stdout == "x None False\n"
    assert done.stderr == ""


def test_under_debug_each_process_begins_with_nothing_and_says_so(project: Path) -> None:
    with_settings(project, f"WSGICACHE = {{'STORE': 'lmdb://{project}/store'}}\nDEBUG = True\n")
    done = run(project, f"{SETUP}\nprint(type(cache.store).__name__, cache.policy.debug)")
    assert done.stdout == "MemoryStore True\n"
    assert done.stderr == "wsgicache: DEBUG is on, so this process has an empty cache of its own\n"
    assert not (project / "store").exists()


def test_static_files_have_versions_where_the_cache_knows_them(project: Path) -> None:
    (project / "files").mkdir()
    (project / "files/a b.js").write_text("let a", "utf-8")
    more = "STATIC_ROOT = 'files'\nSTATIC_URL = 'static/'\nTEMPLATES = [{'BACKEND': "
    more += "'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True}]\n"
    with_settings(project, f"WSGICACHE = {{}}\nMIDDLEWARE = ['{NOISE}']\n{more}")
    script = (
        f"{SETUP}\nfrom django.template import Context, Template\n"
        "from django.test import override_settings\n"
        "loaded = '{% load wsgicache %}{% version name %}'\n"
        "def url(name): return Template(loaded).render(Context({'name': name}))\n"
        "def field(path): return Client(application).get(path, headers={'Host': 'shop.example'}, "
        "buffered=True).headers['Cache-Control']\n"
        "print(url('a b.js').partition('=')[0], url('no.js'), field(url('a b.js')), "
        "field('/static/a b.js'), sep='|')\n"
        "with override_settings(DEBUG=True): print(url('a b.js'))\n"
        "with override_settings(STATIC_URL='//cdn.example/'): print(url('a b.js'))\n"
    )
    assert run(project, script).stdout.splitlines() == [
        "/static/a%20b.js?v|/static/no.js|public, max-age=31536000, immutable|max-age=60, public",
        "/static/a%20b.js",
        "//cdn.example/a%20b.js",
    ]


def test_without_a_setting_the_cache_says_what_is_missing(project: Path) -> None:
    with_settings(project, "")
    script = (
        "import os, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'\n"
        "django.setup()\n"
        "from wsgicache.django import cache\n"
        "try: cache.purge_all()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    said = run(project, script).stdout
    assert said.startswith("ImproperlyConfigured settings.WSGICACHE must be a dict")


def test_a_change_purges_what_shows_the_object(project: Path) -> None:
    script = (
        f"{SETUP}{TABLES}\n"
        "both = 'shop.example', 'www.shop.example'\n"
        "def changed(what):\n"
        "    for host in both: ask('/fruit/1', host)\n"
        "    ask('/fruit')\n"
        "    assert [ask('/fruit/1', host)[1] for host in both] == [True, True]\n"
        "    what()\n"
        "    print([ask('/fruit/1', host) for host in both], ask('/fruit')[1])\n"
        "one, tag = Fruit.objects.get(), Tag.objects.create(name='red')\n"
        "changed(lambda: (setattr(one, 'name', 'pear'), one.save()))\n"
        "changed(lambda: one.tags.add(tag))\n"
        "changed(lambda: one.tags.clear())\n"
        "changed(lambda: tag.fruit_set.add(one))\n"
        "changed(lambda: tag.fruit_set.remove(one))\n"
        "def rolled_back():\n"
        "    with transaction.atomic(): one.save(); transaction.set_rollback(True)\n"
        "changed(rolled_back)\n"
        "one.delete(); print(ask('/fruit')[0])\n"
    )
    named = ["pear", "pear red", "pear", "pear red", "pear"]
    expected = [f"{[(name, False)] * 2} False" for name in named]
    expected += [f"{[('pear', True)] * 2} True", ""]
    assert run(project, script).stdout.splitlines() == expected


def test_a_path_is_purged_for_each_site(project: Path) -> None:
    more = "ALLOWED_HOSTS = ['*']\nINSTALLED_APPS += ['django.contrib.sites']\n"
    with_settings(project, f"WSGICACHE = {{}}\n{more}")
    script = (
        f"{SETUP}\nfrom django.contrib.sites.models import Site\n"
        "with connection.schema_editor() as editor: editor.create_model(Site)\n"
        "Site.objects.create(domain='one.example')\n"
        f"{TABLES}\n"
        "for host in ('zero.example', 'one.example', 'two.example'): ask('/fruit/1', host)\n"
        "Fruit.objects.get().save()\n"
        "print([ask('/fruit/1', f'{one}.example')[1] for one in ('zero', 'one', 'two')])\n"
    )
    # The first host is that of the first request.
    assert run(project, script).stdout == "[False, False, True]\n"


def test_paths_are_at_the_hosts_of_the_site(project: Path) -> None:
    script = (
        f"{SETUP}\nfrom django.test import override_settings\n"
        "from wsgicache.django.hosts import absolute, origin_of_site\n"
        "print(origin_of_site(), *absolute(['/a#b', '//c/d', 'https://e/f']))\n"
        "with override_settings(SECURE_SSL_REDIRECT=True, WSGICACHE={'HOSTS': ['g']}):\n"
        "    print(origin_of_site(), *absolute(['/a']))\n"
        "with override_settings(ALLOWED_HOSTS=['*', '.h']): print(origin_of_site())\n"
        "with override_settings(ALLOWED_HOSTS=['*']): print(origin_of_site(), *absolute(['/a']))\n"
        "with override_settings(ALLOWED_HOSTS=[], DEBUG=True): print(*absolute(['/a']))\n"
        "ask('/fruit/1', '[::1]:8000')\n"
        "print(*absolute(['/a']))\n"
        "print(*absolute(['/a'], asked=False))\n"
        "with override_settings(WSGICACHE={'HOSTS': ['g', 'h:81']}): print(*absolute(['/a']))\n"
    )
    named = "http://shop.example/a http://www.shop.example/a"
    assert run(project, script).stdout.splitlines() == [
        f"http://shop.example {named} http://c/d https://e/f",
        "https://g http://g/a",
        "http://h",
        "http://localhost",
        "http://localhost/a http://127.0.0.1/a http://[::1]/a",
        f"{named} http://[::1]:8000/a http://shop.example:8000/a http://www.shop.example:8000/a",
        named,
        "http://g/a http://h:81/a http://[::1]:8000/a http://g:8000/a",
    ]


def test_a_command_ends_only_itself_when_it_is_called(project: Path) -> None:
    script = (
        f"{SETUP}\nfrom django.core.management import call_command\n"
        "call_command('wsgicache', 'warm', '--help')\nprint('after')"
    )
    assert run(project, script).stdout.endswith("\nafter\n")


def test_a_process_without_requests_purges_at_the_port_of_what_is_stored(project: Path) -> None:
    (project / "store").mkdir()
    with_settings(project, f"WSGICACHE = {{'STORE': 'lmdb://{project}/store'}}")
    run(project, f"{SETUP}{TABLES}\nask('/fruit/1', 'shop.example:8000')")
    script = (
        f"{SETUP}\nfrom django.core.management import call_command\n"
        "from wsgicache.django.hosts import absolute\n"
        "print(*absolute(['/a']))\n"
        "call_command('wsgicache', 'purge', '--url', '/fruit/1')\n"
    )
    named = "http://shop.example/a http://www.shop.example/a http://shop.example:8000/a"
    assert run(project, script).stdout.splitlines() == [named, "purged 1 response of 6 URLs"]


def test_a_path_is_purged_for_no_host_only_with_an_error(project: Path) -> None:
    with_settings(project, "WSGICACHE = {'STORE': 'redis://localhost:1/0'}\nALLOWED_HOSTS = ['*']")
    script = (
        f"{SETUP}\nfrom django.core.management import CommandError, call_command\n"
        "try: call_command('wsgicache', 'purge', '--url', '/fruit/1')\n"
        "except CommandError as error: print(error)"
    )
    said = run(project, script).stdout
    assert said.startswith("the settings name no host for /fruit/1: name those of visitors in")


def test_a_save_stays_where_the_purge_fails(project: Path) -> None:
    script = (
        f"{SETUP}{TABLES}\n"
        "def bump(*a, **k): raise OSError('no store')\n"
        "application.store.bump = application.store.update = bump\n"
        "one = Fruit.objects.get(); one.name = 'pear'; one.save()\n"
        "print(Fruit.objects.get().name)"
    )
    done = run(project, script)
    assert done.stdout == "pear\n"
    assert done.stderr.count("OSError: no store") >= 1


ASKED = """
pages.slow = True
for line in sys.stdin:
    if line == "empty\\n":
        cache.purge_all()
        print("done", flush=True)
    else:
        print(*ask("/fruit/1"), flush=True)
"""
RACES = 10


def test_a_fill_that_read_before_commit_does_not_survive_it(project: Path) -> None:
    """Another process saves: a page that was read before is not stored for good."""
    with_settings(project, f"WSGICACHE = {{'STORE': 'lmdb://{project}/store'}}")
    (project / "store").mkdir()
    run(project, SETUP + TABLES)
    saving = SETUP + (
        "one = Fruit.objects.get()\n"
        "for line in sys.stdin:\n"
        "    with transaction.atomic():\n"
        "        one.name = line.strip()\n"
        "        one.save()\n"
        "        print('saved', flush=True)\n"
        "        sys.stdin.readline()\n"
        "    print('committed', flush=True)\n"
    )
    with started(project, SETUP + ASKED) as asker, started(project, saving) as saver:
        before = "apple"
        for number in range(RACES):
            name = f"pear{number}"
            assert say(saver, name) == "saved"
            # While it is not committed, a fill reads what was before, as it should.
            assert say(asker, "ask") == "read"
            if number % 2:
                assert say(asker, "") == f"{before} False"
                assert say(saver, "") == "committed"
            else:
                assert say(saver, "") == "committed"
                assert say(asker, "") == f"{before} False"
            assert say(asker, "ask") == "read", "the old page was served from the store"
            assert say(asker, "") == f"{name} False"
            assert say(asker, "ask") == f"{name} True"
            assert say(asker, "empty") == "done"
            before = name


def started(project: Path, script: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-u", "-c", script]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        line, cwd=project, env=environment(), stdin=pipe, stdout=pipe, text=True
    )


def say(process: subprocess.Popen[str], line: str) -> str:
    """Write a line to the process; the line that it answers."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


VIEWS = """
from django.http import HttpResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from wsgicache import cache_for
def plain(request): return HttpResponse()
async def later(request): return HttpResponse()
class Plain(View):
    def get(self, request): return HttpResponse()
class Later(View):
    async def get(self, request): return HttpResponse()
class ByMethod(View):
    @method_decorator(cache_for(minutes=1))
    async def get(self, request): return HttpResponse()
class Dispatched(View):
    get = Plain.get
Dispatched = method_decorator(cache_for(minutes=1), name="dispatch")(Dispatched)
minute = cache_for(minutes=1)
views = {
    "function": minute(plain),
    "async": minute(later),
    "as-view": minute(Plain.as_view()),
    "async-as-view": minute(Later.as_view()),
    "method": ByMethod.as_view(),
    "dispatch": Dispatched.as_view(),
    "class": minute(type("Kind", (Plain,), {})).as_view(),
    "async-class": minute(type("Kind", (Later,), {})).as_view(),
}
views["undecorated"] = Plain.as_view()
urlpatterns = [path(name, view) for name, view in views.items()]
"""


def test_decorators_fit_on_every_kind_of_view(project: Path) -> None:
    (project / "shop/pages.py").write_text(VIEWS, "utf-8")
    said = run(project, f"{SETUP}\nfor one in pages.views: ask('/' + one); print(*ask('/' + one))")
    hits = [line.strip() for line in said.stdout.splitlines()]
    assert hits == ["True"] * 8 + ["False"], said.stderr
