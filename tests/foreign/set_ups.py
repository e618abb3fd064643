"""A doctor looks at the example applications of others, and says nothing that is not so: the row
``doctor-packages`` of ``python -m tests.long``.

The packages go into an environment of their own, which goes afterwards. The examples are those of
the source distributions, those that a project's own command makes, or the beginnings that its
documentation shows.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.foreign.suites import OURS, ROOT, run


class Example(NamedTuple):
    """An application of another project."""

    packages: tuple[str, ...]
    app: str
    """MODULE:APP, or MODULE:FACTORY()."""
    text: str = ""
    """The module, where the documentation shows it."""
    sdist: str = ""
    """The project in whose source distribution it is."""
    made_by: tuple[str, ...] = ()
    """The command that makes it."""
    folder: str = "."
    besides: tuple[str, str] | None = None
    """A file that the source distribution lacks: its name below the folder, and its text."""
    paths: tuple[str, ...] = ()
    """Paths of its pages, for routes."""
    expected: frozenset[str] = frozenset()
    """What there is to find in it, and rightly so."""


STATIC = frozenset({"static-no-cache"})
"""It has static files, and Flask says no-cache of them."""
UNCACHED = frozenset({"no-lifetimes"})
"""Nothing in it says how long a page may be kept."""
DEBUG = frozenset({"debug"})
"""Its settings are for development."""

FLASK_LOGIN = """
import flask, flask_login
app = flask.Flask(__name__)
app.secret_key = "super secret string"
login_manager = flask_login.LoginManager()
login_manager.init_app(app)
users = {"foo@bar.tld": {"password": "secret"}}

class User(flask_login.UserMixin):
    pass

@login_manager.user_loader
def user_loader(email):
    if email not in users:
        return
    user = User()
    user.id = email
    return user

@app.route("/login", methods=["GET", "POST"])
def login():
    if flask.request.method == "GET":
        return "<form action='login' method='POST'></form>"
    email = flask.request.form["email"]
    if email in users and flask.request.form["password"] == users[email]["password"]:
        user = User()
        user.id = email
        flask_login.login_user(user)
        return flask.redirect(flask.url_for("protected"))
    return "Bad login"

@app.route("/protected")
@flask_login.login_required
def protected():
    return "Logged in as: " + flask_login.current_user.id

@login_manager.unauthorized_handler
def unauthorized_handler():
    return "Unauthorized", 401
"""
FLASK_ADMIN = """
from flask import Flask
from flask_admin import Admin, BaseView, expose
app = Flask(__name__)
app.config["SECRET_KEY"] = "secret"
admin = Admin(app, name="microblog")

class MyView(BaseView):
    @expose("/")
    def index(self):
        return self.render("admin/index.html")

admin.add_view(MyView(name="Hello"))

@app.route("/")
def index():
    return "<a href='/admin/'>Click me to get to Admin!</a>"
"""
FLASK_RESTX = """
from flask import Flask, request
from flask_restx import Api, Resource
app = Flask(__name__)
api = Api(app)
todos = {}

@api.route("/<string:todo_id>")
class TodoSimple(Resource):
    def get(self, todo_id):
        return {todo_id: todos[todo_id]}

    def put(self, todo_id):
        todos[todo_id] = request.form["data"]
        return {todo_id: todos[todo_id]}
"""
DASH = """
from dash import Dash, Input, Output, callback, dcc, html
app = Dash()
app.layout = [html.H1("Title"), dcc.Input(id="number"), html.Div(id="shown")]

@callback(Output("shown", "children"), Input("number", "value"))
def shown(value):
    return value

server = app.server
"""
DRF = """
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="insecure", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=[
        "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
)
django.setup()
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.urls import include, path
from rest_framework import permissions, routers, serializers, viewsets

class UserSerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = User
        fields = ["url", "username"]

class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.all().order_by("-date_joined")
    serializer_class = UserSerializer
    permission_classes = [permissions.IsAuthenticated]

router = routers.DefaultRouter()
router.register(r"users", UserViewSet)
urlpatterns = [path("", include(router.urls)), path("api-auth/", include("rest_framework.urls"))]
application = get_wsgi_application()
"""
FLASK_SECURITY = """
from flask import Flask, render_template_string
from flask_security import Security, SQLAlchemyUserDatastore, auth_required
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config.update(
    SECRET_KEY="pf9Wkove4IKEAXvy-cQkeDPhv9Cb3Ag-wyJILbq_dFw",
    SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
    SQLALCHEMY_DATABASE_URI="sqlite:///:memory:",
)
db = SQLAlchemy(app)
fsqla.FsModels.set_db_info(db)

class Role(db.Model, fsqla.FsRoleMixin):
    pass

class User(db.Model, fsqla.FsUserMixin):
    pass

app.security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

@app.route("/")
@auth_required()
def home():
    return render_template_string("Hello {{ current_user.email }}")
"""
FLASK_SMOREST = """
import marshmallow as ma
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint
app = Flask(__name__)
app.config.update(API_TITLE="My API", API_VERSION="v1", OPENAPI_VERSION="3.0.2")
api = Api(app)

class PetSchema(ma.Schema):
    id = ma.fields.Int(dump_only=True)
    name = ma.fields.String()

blp = Blueprint("pets", "pets", url_prefix="/pets", description="Operations on pets")

@blp.route("/")
class Pets(MethodView):
    @blp.response(200, PetSchema(many=True))
    def get(self):
        return []

api.register_blueprint(blp)
"""
BOTTLE = """
from bottle import Bottle, template
app = Bottle()

@app.route("/hello/<name>")
def index(name):
    return template("<b>Hello {{name}}</b>!", name=name)
"""
FAB_EXTENSIONS = """
from flask_appbuilder import AppBuilder
from flask_appbuilder.utils.legacy import get_sqla_class
appbuilder = AppBuilder()
db = get_sqla_class()()
"""
EXAMPLES = {
    "flask-login": Example(
        ("flask-login",), "site_:app", FLASK_LOGIN, paths=("/login", "/protected")
    ),
    "flask-admin": Example(
        ("flask-admin",), "site_:app", FLASK_ADMIN, paths=("/", "/admin/*", "/admin/myview/")
    ),
    "flask-restx": Example(
        ("flask-restx",),
        "site_:app",
        FLASK_RESTX,
        paths=("/todo1", "/swagger.json", "/swaggerui/*"),
    ),
    "dash": Example(
        ("dash",),
        "site_:server",
        DASH,
        paths=("/", "/_dash-layout", "/_dash-component-suites/*", "/assets/app.css"),
    ),
    "djangorestframework": Example(
        ("djangorestframework",),
        "site_:application",
        DRF,
        paths=("/users/", "/users/7/", "/api-auth/login/"),
    ),
    "flask-security": Example(
        ("flask-security-too[common,fsqla]",), "site_:app", FLASK_SECURITY, paths=("/", "/login")
    ),
    "flask-smorest": Example(("flask-smorest",), "site_:app", FLASK_SMOREST, paths=("/pets/",)),
    "bottle": Example(
        ("bottle",), "site_:app", BOTTLE, paths=("/hello/*", "/hello/you"), expected=UNCACHED
    ),
    "wagtail": Example(
        ("wagtail",),
        "mysite.wsgi:application",
        made_by=("wagtail", "start", "mysite"),
        folder="mysite",
        paths=("/admin/*", "/search/", "/blog/post/"),
        expected=DEBUG,
    ),
    "flask": Example(
        ("flask",),
        "flaskr:create_app()",
        sdist="flask",
        folder="examples/tutorial",
        paths=("/", "/auth/*", "/7/update", "/static/style.css"),
        expected=STATIC | UNCACHED,
    ),
    "flask-appbuilder": Example(
        ("flask-appbuilder", "marshmallow<4", "marshmallow-sqlalchemy<1.4"),
        "app:app",
        sdist="flask-appbuilder",
        folder="examples/crud_rest_api",
        besides=("app/extensions.py", FAB_EXTENSIONS),
        paths=("/login/", "/static/appbuilder/*", "/api/v1/*"),
    ),
    "flask-wtf": Example(
        ("flask-wtf",),
        "app:app",
        sdist="flask-wtf",
        folder="examples/uploadr",
        paths=("/",),
        expected=DEBUG | UNCACHED,
    ),
    "django-allauth": Example(
        ("django-allauth[mfa,saml,socialaccount,steam]",),
        "example.wsgi:application",
        sdist="django-allauth",
        folder="examples/regular-django",
        paths=("/accounts/*", "/accounts/login/", "/admin/*"),
        expected=DEBUG,
    ),
    "django-debug-toolbar": Example(
        ("django-debug-toolbar", "whitenoise", "django-template-partials"),
        "example.wsgi:application",
        sdist="django-debug-toolbar",
        paths=("/jquery/", "/admin/*"),
        expected=DEBUG | {"debug-toolbar"},
    ),
}
LOOKING = """
import importlib, json, logging, sys
from contextlib import redirect_stdout
from wsgicache import CacheMiddleware, Route, cache_for
from wsgicache.why.doctor import doctor
sys.path.insert(0, "")
module, _, name = sys.argv[1].partition(":")
routes = [Route(path, cache_for(minutes=5)) for path in sys.argv[2:]]
with redirect_stdout(sys.stderr):
    app = getattr(importlib.import_module(module), name.removesuffix("()"))
    app = app() if name.endswith("()") else app
    done = [doctor(CacheMiddleware(app)), doctor(CacheMiddleware(app, routes=routes))]
    if hasattr(app, "wsgi_app"):
        app.wsgi_app = CacheMiddleware(app.wsgi_app)
        done.append(doctor(app))
print(json.dumps([one.as_json() for one in done]))
"""


def found(example: Example, place: Path, python: Path) -> set[str]:
    """The kinds of what is found in *example*, below *place*. Raises AssertionError if a check
    fails."""
    folder = place
    if example.text:
        (place / "site_.py").write_text(example.text)
    elif example.made_by:
        command, *arguments = example.made_by
        run(str(python.parent / command), *arguments, cwd=place)
    else:
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q", "download")
        run(*pip, "--no-deps", "--no-binary", ":all:", example.sdist, "-d", "sdist", cwd=place)
        (archive,) = (place / "sdist").iterdir()
        with tarfile.open(archive) as packed:
            packed.extractall(place / "source", filter="data")
        (folder,) = (place / "source").iterdir()
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("WEB_", "GUNICORN_"))}
    environ["PYTHONPATH"] = str(ROOT)
    if example.besides is not None:
        name, text = example.besides
        (folder / example.folder / name).write_text(text)
    line = [str(python), "-c", LOOKING, example.app, *example.paths]
    done = subprocess.run(
        line, cwd=folder / example.folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])
    for diagnosis in said:
        assert not [left for left in diagnosis["left"] if "raised" in left["to"]], diagnosis
    return {finding["id"] for diagnosis in said for finding in diagnosis["findings"]}


def packages(count: int) -> str:
    """So many examples, each behind a cache."""
    told, skipped = [], []
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        venv.create(place / "venv", with_pip=True)
        python = place / "venv" / "bin" / "python"
        pip = (str(python), "-m", "pip", "--disable-pip-version-check", "-q", "install")
        run(*pip, *OURS, cwd=place)
        for name, example in list(EXAMPLES.items())[:count]:
            (place / name).mkdir()
            try:
                run(*pip, *example.packages, cwd=place)
            except AssertionError:
                skipped.append(f"{name} cannot be installed")
                continue
            kinds = found(example, place / name, python)
            assert kinds == example.expected, f"{name}: {kinds ^ example.expected}"
            told.append(name)
    assert told, skipped
    return f"nothing false about {', '.join(told)}" + "".join(f"; {why}" for why in skipped)


ROWS: dict[str, tuple[Callable[[int], str], int]] = (
    {"doctor-packages": (packages, len(EXAMPLES))} if sys.platform == "linux" else {}
)
