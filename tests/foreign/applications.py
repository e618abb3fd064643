"""Applications of other projects that people use behind the cache, and how each is set up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.foreign.set_ups import BOTTLE, DASH, FLASK_RESTX, FLASK_SMOREST

ALICE, BOB, ADMIN = "alicewonder", "bobbuilder", "adminadams"
PASSWORD = "Horse.battery9"
USERS = {name: (name, PASSWORD) for name in (ALICE, BOB, ADMIN)}
MAILED = {name: (f"{name}@example.org", PASSWORD) for name in (ALICE, BOB, ADMIN)}


class Application(NamedTuple):
    """An application of another project, and what people do there."""

    packages: tuple[str, ...]
    kind: str
    """``flask``, ``django`` or ``wsgi``: by which door the cache comes."""
    app: str
    """MODULE:APP, or MODULE:FACTORY(); for Django, the module of the settings."""
    text: str = ""
    """The module ``site_``, where the documentation shows it."""
    sdist: str = ""
    """The project in whose source distribution it is."""
    made_by: tuple[str, ...] = ()
    """The command that makes it."""
    folder: str = "."
    besides: Mapping[str, str] = {}
    """More files."""
    first: str = ""
    """Python that runs once, before anything else: it makes tables, users and pages."""
    start: tuple[str, ...] = ("/",)
    users: Mapping[str, tuple[str, str]] = {}
    """For each user what they write at the login; the last is the one who changes things."""
    login: str = ""
    edits: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    """What changes: a method, or FORM for the form of that page; the path; and fields."""
    wishes: tuple[tuple[str, str, Mapping[str, str]], ...] = ()
    """The same, for what a visitor does who has no login."""
    settings: Mapping[str, Any] = {}
    """For Django, beside what the project sets."""


DJANGO_USERS = f"""
import os, sys
sys.path.insert(0, "")
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
User = get_user_model()
for name in {[*USERS]!r}:
    User.objects.create_superuser(username=name, email=name + "@example.org", password={PASSWORD!r})
"""
FLASK_LOGIN = f"""
import flask, flask_login
app = flask.Flask(__name__)
app.secret_key = "super secret string"
login_manager = flask_login.LoginManager()
login_manager.init_app(app)
users = {{name: {{"password": {PASSWORD!r}}} for name in {[*USERS]!r}}}

class User(flask_login.UserMixin):
    pass

@login_manager.user_loader
def user_loader(name):
    if name not in users:
        return
    user = User()
    user.id = name
    return user

@app.route("/")
def index():
    if flask_login.current_user.is_authenticated:
        return "Hello " + flask_login.current_user.id + " <a href=/protected>more</a>"
    return "Hello <a href=/login>enter</a> <a href=/protected>more</a> <a href=/public>news</a>"

@app.route("/public")
def public():
    return "The same for everybody"

@app.route("/login", methods=["GET", "POST"])
def login():
    if flask.request.method == "GET":
        return '''<form action='login' method='POST'><input type='text' name='email'/>
            <input type='password' name='password'/><input type='submit'/></form>'''
    email = flask.request.form["email"]
    if email in users and flask.request.form["password"] == users[email]["password"]:
        user = User()
        user.id = email
        flask_login.login_user(user, remember=True)
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
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI="sqlite:///site.db")
db = SQLAlchemy(app)

class Post(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    title = db.Column(db.String(120))
    text = db.Column(db.Text)

admin = Admin(app, name="microblog")
admin.add_view(ModelView(Post, db.session if hasattr(ModelView, "session") else db))

@app.route("/")
def index():
    posts = "".join(f"<li>{post.title}" for post in Post.query.all())
    return f"<a href='/admin/'>Click me to get to Admin!</a>{posts}"
"""
FLASK_SECURITY = """
from flask import Flask, render_template_string
from flask_security import Security, SQLAlchemyUserDatastore, auth_required, current_user
from flask_security.models import fsqla_v3 as fsqla
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config.update(
    SECRET_KEY="pf9Wkove4IKEAXvy-cQkeDPhv9Cb3Ag-wyJILbq_dFw",
    SECURITY_PASSWORD_SALT="146585145368132386173505678016728509634",
    SQLALCHEMY_DATABASE_URI="sqlite:///site.db", SECURITY_REGISTERABLE=True,
    SECURITY_SEND_REGISTER_EMAIL=False, SECURITY_TRACKABLE=True, SECURITY_RECOVERABLE=True,
    SECURITY_CHANGEABLE=True, SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
    SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
)
db = SQLAlchemy(app)
fsqla.FsModels.set_db_info(db)

class Role(db.Model, fsqla.FsRoleMixin):
    pass

class User(db.Model, fsqla.FsUserMixin):
    pass

app.security = Security(app, SQLAlchemyUserDatastore(db, User, Role))

@app.route("/")
def index():
    who = "{{ current_user.email if current_user.is_authenticated else 'nobody' }}"
    return render_template_string(f"Hello {who} <a href=/home>home</a> <a href=/login>login</a>")

@app.route("/home")
@auth_required()
def home():
    return render_template_string("Hello {{ current_user.email }}")
"""
DRF = """
SECRET_KEY = "insecure"
ROOT_URLCONF = "site_urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.db"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
    "django.contrib.staticfiles", "rest_framework",
]
STATIC_URL = "static/"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
    ]},
}]
REST_FRAMEWORK = {
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination", "PAGE_SIZE": 10,
}
"""
DRF_URLS = """
from django.contrib.auth.models import Group, User
from django.urls import include, path
from rest_framework import permissions, routers, serializers, viewsets

class UserSerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = User
        fields = ["url", "username", "email", "groups"]

class GroupSerializer(serializers.HyperlinkedModelSerializer):
    class Meta:
        model = Group
        fields = ["url", "name"]

class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.all().order_by("id")
    serializer_class = UserSerializer
    permission_classes = [permissions.IsAuthenticated]

class GroupViewSet(viewsets.ModelViewSet):
    queryset = Group.objects.all().order_by("name")
    serializer_class = GroupSerializer
    permission_classes = [permissions.IsAuthenticatedOrReadOnly]

router = routers.DefaultRouter()
router.register(r"users", UserViewSet)
router.register(r"groups", GroupViewSet)
urlpatterns = [path("", include(router.urls)), path("api-auth/", include("rest_framework.urls"))]
"""
OSCAR = """
from oscar.defaults import *
SECRET_KEY = "insecure"
ROOT_URLCONF = "site_urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
SITE_ID = 1
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "site.db", "ATOMIC_REQUESTS": True}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
    "django.contrib.sessions", "django.contrib.messages", "django.contrib.staticfiles",
    "django.contrib.sites", "django.contrib.flatpages",
    "oscar.config.Shop", "oscar.apps.analytics.apps.AnalyticsConfig",
    "oscar.apps.checkout.apps.CheckoutConfig", "oscar.apps.address.apps.AddressConfig",
    "oscar.apps.shipping.apps.ShippingConfig", "oscar.apps.catalogue.apps.CatalogueConfig",
    "oscar.apps.catalogue.reviews.apps.CatalogueReviewsConfig",
    "oscar.apps.communication.apps.CommunicationConfig",
    "oscar.apps.partner.apps.PartnerConfig", "oscar.apps.basket.apps.BasketConfig",
    "oscar.apps.payment.apps.PaymentConfig", "oscar.apps.offer.apps.OfferConfig",
    "oscar.apps.order.apps.OrderConfig", "oscar.apps.customer.apps.CustomerConfig",
    "oscar.apps.search.apps.SearchConfig", "oscar.apps.voucher.apps.VoucherConfig",
    "oscar.apps.wishlists.apps.WishlistsConfig", "oscar.apps.dashboard.apps.DashboardConfig",
    "oscar.apps.dashboard.reports.apps.ReportsDashboardConfig",
    "oscar.apps.dashboard.users.apps.UsersDashboardConfig",
    "oscar.apps.dashboard.orders.apps.OrdersDashboardConfig",
    "oscar.apps.dashboard.catalogue.apps.CatalogueDashboardConfig",
    "oscar.apps.dashboard.offers.apps.OffersDashboardConfig",
    "oscar.apps.dashboard.partners.apps.PartnersDashboardConfig",
    "oscar.apps.dashboard.pages.apps.PagesDashboardConfig",
    "oscar.apps.dashboard.ranges.apps.RangesDashboardConfig",
    "oscar.apps.dashboard.reviews.apps.ReviewsDashboardConfig",
    "oscar.apps.dashboard.vouchers.apps.VouchersDashboardConfig",
    "oscar.apps.dashboard.communications.apps.CommunicationsDashboardConfig",
    "oscar.apps.dashboard.shipping.apps.ShippingDashboardConfig",
    "widget_tweaks", "haystack", "treebeard", "sorl.thumbnail", "django_tables2",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
AUTHENTICATION_BACKENDS = (
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
)
HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.debug",
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
        "oscar.apps.search.context_processors.search_form",
        "oscar.apps.checkout.context_processors.checkout",
        "oscar.apps.communication.notifications.context_processors.notifications",
        "oscar.core.context_processors.metadata",
    ]},
}]
STATIC_URL = "/static/"
"""
OSCAR_URLS = """
from django.apps import apps
from django.contrib import admin
from django.urls import include, path
urlpatterns = [
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", admin.site.urls),
    path("", include(apps.get_app_config("oscar").urls[0])),
]
"""
OSCAR_SHOP = """
from decimal import Decimal
from oscar.apps.catalogue.models import Category, Product, ProductClass
from oscar.apps.partner.models import Partner, StockRecord
books = ProductClass.objects.create(name="Books", track_stock=True)
shelf = Category.add_root(name="Fiction")
partner = Partner.objects.create(name="Warehouse")
for number in range(1, 6):
    book = Product.objects.create(product_class=books, title=f"Book {number}", upc=str(number))
    book.categories.add(shelf)
    StockRecord.objects.create(product=book, partner=partner, partner_sku=str(number),
        price=Decimal("9.99") + number, num_in_stock=50)
"""
ALLAUTH = """
from allauth.account.models import EmailAddress
for user in User.objects.all():
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
"""
MEZZANINE = """
from django.contrib.auth import get_user_model
from mezzanine.blog.models import BlogPost, BlogCategory
author = get_user_model().objects.get(username="adminadams")
for number in range(1, 4):
    BlogPost.objects.create(title=f"Post {number}", content=f"<p>Text {number}</p>", user=author)
"""
WAGTAIL = """
from wagtail.models import Page
from home.models import HomePage
home = HomePage.objects.first()
for number in range(1, 5):
    home.add_child(instance=HomePage(title=f"Article {number}", slug=f"article-{number}"))
"""
WAGTAIL_HOME = """{% load wagtailcore_tags %}{% load wagtailuserbar %}<html><body>
<h1>{{ page.title }}</h1>{% for one in page.get_children %}
<a href="{% pageurl one %}">{{ one.title }}</a>{% endfor %}<a href="/search/?query=article">s</a>
{% if request.user.is_authenticated %}Hello {{ request.user.username }}{% endif %}
{% wagtailuserbar %}</body></html>"""
FAB_USERS = f"""
import sys
sys.path.insert(0, "")
from app import create_app
from app.extensions import appbuilder
app = create_app()
with app.app_context():
    sm = appbuilder.sm
    for name in {[*USERS]!r}:
        mail = name + "@example.org"
        sm.add_user(name, name, "Example", mail, sm.find_role("Admin"), {PASSWORD!r})
"""
PYRAMID = """
import os, sys
sys.path.insert(0, "")
from pyramid.paster import get_app
here = os.path.dirname(os.path.abspath(__file__))

def application():
    from tutorial import main
    return main({}, **{"sqlalchemy.url": f"sqlite:///{here}/site.db", "auth.secret": "seekrit",
        "pyramid.includes": "pyramid_tm", "retry.attempts": "3"})
"""
PYRAMID_FIRST = f"""
import sys
sys.path.insert(0, "")
import transaction
from site_ import application
from tutorial import models
app = application()
factory = app.registry["dbsession_factory"]
session = factory()
models.meta.Base.metadata.create_all(session.bind if session.bind else session.get_bind())
with transaction.manager:
    session = models.get_tm_session(factory, transaction.manager)
    for name in {[*USERS]!r}:
        user = models.User(name=name, role="editor" if name == {ADMIN!r} else "basic")
        user.set_password({PASSWORD!r})
        session.add(user)
        for page in (["FrontPage", "SecondPage"] if name == {ADMIN!r} else []):
            session.add(models.Page(name=page, data="This is a page, see SecondPage", creator=user))
"""
FLASKR_FIRST = f"""
import sys
sys.path.insert(0, "")
from flaskr import create_app
from flaskr.db import get_db, init_db
from werkzeug.security import generate_password_hash
app = create_app()
with app.app_context():
    init_db()
    for name in {[*USERS]!r}:
        get_db().execute("INSERT INTO user (username, password) VALUES (?, ?)",
            (name, generate_password_hash({PASSWORD!r}, "pbkdf2:sha256:1")))
        # The order of posts is that of seconds: what is written later must not be of the same one.
        get_db().execute("INSERT INTO post (title, body, created, author_id) VALUES (?, 'text', "
            "'2001-01-01', (SELECT id FROM user WHERE username = ?))", ("By " + name, name))
    get_db().commit()
"""
FLASK_DB = """
import sys
sys.path.insert(0, "")
from site_ import *
with app.app_context():
    db.create_all()
"""
ADMIN_NAME = {"first_name": "Ada"}

APPLICATIONS = {
    "flask-tutorial": Application(
        ("flask",),
        "flask",
        "flaskr:create_app()",
        sdist="flask",
        folder="examples/tutorial",
        first=FLASKR_FIRST,
        start=("/", "/static/style.css"),
        users=USERS,
        login="/auth/login",
        edits=(
            ("FORM", "/create", {"title": "New", "body": "said"}),
            ("FORM", "/3/update", {"title": "Other", "body": "changed"}),
        ),
    ),
    "flask-login": Application(
        ("flask-login",), "flask", "site_:app", FLASK_LOGIN, users=USERS, login="/login"
    ),
    "flask-admin": Application(
        ("flask-admin[sqlalchemy]", "flask-sqlalchemy"),
        "flask",
        "site_:app",
        FLASK_ADMIN,
        first=FLASK_DB + "    db.session.add(Post(title='One', text='text'))\n"
        "    db.session.commit()\n",
        start=("/", "/admin/", "/admin/post/"),
        edits=(
            ("FORM", "/admin/post/edit/?id=1", {"title": "Other", "text": "changed"}),
            ("FORM", "/admin/post/new/", {"title": "New", "text": "said"}),
        ),
    ),
    "flask-restx": Application(
        ("flask-restx",),
        "flask",
        "site_:app",
        FLASK_RESTX.replace('request.form["data"]', 'request.json["data"]'),
        start=("/", "/swagger.json", "/one"),
        edits=(("PUT", "/one", {"data": "milk"}), ("PUT", "/one", {"data": "bread"})),
    ),
    "flask-smorest": Application(
        ("flask-smorest",),
        "flask",
        "site_:app",
        FLASK_SMOREST.replace(
            'OPENAPI_VERSION="3.0.2"',
            'OPENAPI_VERSION="3.0.2", OPENAPI_URL_PREFIX="/", OPENAPI_JSON_PATH="openapi.json", '
            'OPENAPI_SWAGGER_UI_PATH="/ui", OPENAPI_SWAGGER_UI_URL="/ui-files/"',
        )
        .replace("        return []", "        return pets")
        .replace(
            "api.register",
            """
    @blp.arguments(PetSchema)
    @blp.response(201, PetSchema)
    def post(self, data):
        pets.append({**data, "id": len(pets) + 1})
        return pets[-1]

pets = []
api.register""",
        ),
        start=("/pets/", "/openapi.json", "/ui"),
        edits=(("POST", "/pets/", {"name": "Rex"}), ("POST", "/pets/", {"name": "Tom"})),
    ),
    "flask-wtf": Application(
        ("flask-wtf", "flask-babel"),
        "flask",
        "app:app",
        sdist="flask-wtf",
        folder="examples/babel",
        start=("/", "/?lang=zh", "/?lang=en"),
        edits=(("FORM", "/", {"name": "Ada"}), ("FORM", "/?lang=zh", {"name": ""})),
    ),
    "flask-security": Application(
        ("flask-security-too[common,fsqla]",),
        "flask",
        "site_:app",
        FLASK_SECURITY,
        first=FLASK_DB
        + f"""    from flask_security import hash_password
    for name in {[*USERS]!r}:
        app.security.datastore.create_user(
            email=name + "@example.org", password=hash_password({PASSWORD!r}))
    db.session.commit()
""",
        start=("/", "/home", "/register", "/reset"),
        users=MAILED,
        login="/login",
        edits=(
            (
                "FORM",
                "/change",
                {
                    "password": PASSWORD,
                    "new_password": "Another.horse8",
                    "new_password_confirm": "Another.horse8",
                },
            ),
        ),
    ),
    "flask-appbuilder": Application(
        ("flask-appbuilder", "flask-sqlalchemy", "marshmallow<4", "marshmallow-sqlalchemy<1.4"),
        "flask",
        "app:create_app()",
        sdist="flask-appbuilder",
        folder="examples/quickhowto",
        besides={
            "app/extensions.py": "from flask_appbuilder import AppBuilder\n"
            "from flask_appbuilder.utils.legacy import get_sqla_class\n"
            "appbuilder = AppBuilder()\ndb = get_sqla_class()()\n",
            "app/utils.py": "from .extensions import db\nfrom .models import Gender\n"
            "def fill_gender():\n"
            "    if not db.session.query(Gender).count():\n"
            "        db.session.add_all([Gender(name='Male'), Gender(name='Female')])\n"
            "        db.session.commit()\n",
        },
        first=FAB_USERS,
        start=("/", "/contactmodelview/list/", "/groupmodelview/list/"),
        users=USERS,
        login="/login/",
        edits=(
            ("FORM", "/groupmodelview/add", {"name": "Friends"}),
            ("FORM", "/groupmodelview/edit/1", {"name": "Family"}),
        ),
    ),
    "dash": Application(
        ("dash",),
        "flask",
        "site_:server",
        DASH,
        start=("/", "/_dash-layout", "/_dash-dependencies", "/_favicon.ico"),
        edits=(
            (
                "POST",
                "/_dash-update-component",
                {
                    "output": "shown.children",
                    "outputs": {"id": "shown", "property": "children"},
                    "inputs": [{"id": "number", "property": "value", "value": "7"}],
                    "changedPropIds": ["number.value"],
                },
            ),
        ),
    ),
    "djangorestframework": Application(
        ("djangorestframework", "django"),
        "django",
        "site_",
        DRF,
        besides={"site_urls.py": DRF_URLS},
        first=DJANGO_USERS,
        start=("/", "/groups/", "/users/", "/groups/?format=json"),
        users=USERS,
        login="/api-auth/login/",
        edits=(("FORM", "/groups/", {"name": "editors"}), ("FORM", "/groups/", {"name": "more"})),
    ),
    "wagtail": Application(
        ("wagtail",),
        "django",
        "mysite.settings.dev",
        made_by=("wagtail", "start", "mysite"),
        folder="mysite",
        besides={"home/templates/home/home_page.html": WAGTAIL_HOME},
        first=DJANGO_USERS + WAGTAIL,
        start=("/", "/article-1/", "/search/?query=article", "/admin/"),
        users=USERS,
        login="/admin/login/",
        edits=(("FORM", "/admin/account/", {"name_email-first_name": "Ada"}),),
        # It makes them of INSTALLED_APPS, where the cache is one more.
        settings={"WAGTAILADMIN_STATIC_FILE_VERSION_STRINGS": False},
    ),
    "django-allauth": Application(
        ("django-allauth[mfa,saml,socialaccount,steam]",),
        "django",
        "example.settings",
        sdist="django-allauth",
        folder="examples/regular-django",
        first="import os\nos.makedirs('db', exist_ok=True)\n" + DJANGO_USERS + ALLAUTH,
        start=("/", "/accounts/login/", "/accounts/signup/"),
        users=MAILED,
        login="/accounts/login/",
        edits=(("FORM", "/accounts/email/", {"email": "other@example.org"}),),
    ),
    "django-debug-toolbar": Application(
        ("django-debug-toolbar", "whitenoise", "django-template-partials", "jinja2"),
        "django",
        "example.settings",
        sdist="django-debug-toolbar",
        first=DJANGO_USERS,
        users=USERS,
        login="/admin/login/",
        start=("/", "/jinja/", "/turbo/", "/htmx/boost/", "/cache/"),
        edits=(("FORM", "/admin/auth/user/2/change/", {"first_name": "Ada"}),),
    ),
    "django-oscar": Application(
        ("django-oscar", "sorl-thumbnail", "django<5.3"),
        "django",
        "site_",
        OSCAR,
        besides={"site_urls.py": OSCAR_URLS},
        first=DJANGO_USERS + OSCAR_SHOP,
        users=MAILED,
        login="/accounts/login/",
        start=("/", "/catalogue/", "/basket/", "/catalogue/book-1_1/"),
        wishes=(("FORM", "/catalogue/book-1_1/", {"quantity": "3"}),),
        edits=(
            ("FORM", "/catalogue/book-2_2/", {"quantity": "2"}),
            ("FORM", "/dashboard/pages/create/", {"url": "/about/", "title": "About"}),
        ),
    ),
    "mezzanine": Application(
        ("mezzanine", "setuptools<81"),
        "django",
        "mysite.settings",
        made_by=("mezzanine-project", "mysite"),
        folder="mysite",
        first=DJANGO_USERS + MEZZANINE,
        users=USERS,
        login="/admin/login/",
        start=("/", "/blog/", "/blog/post-1/", "/search/?q=post"),
        wishes=(
            (
                "FORM",
                "/blog/post-1/",
                {"name": "Ada", "email": "ada@example.org", "url": "", "comment": "Good"},
            ),
        ),
        edits=(("FORM", "/admin/auth/user/2/change/", {"first_name": "Ada"}),),
    ),
    "pyramid": Application(
        (
            *("pyramid", "pyramid-jinja2", "pyramid-tm", "pyramid-retry", "sqlalchemy", "docutils"),
            *("zope.sqlalchemy", "bcrypt", "transaction", "plaster_pastedeploy", "setuptools<81"),
        ),
        "wsgi",
        "site_:application()",
        PYRAMID,
        sdist="pyramid",
        folder="docs/tutorials/wiki2/src/authorization",
        first=PYRAMID_FIRST,
        users=USERS,
        login="/login",
        start=("/", "/FrontPage", "/static/theme.css"),
        edits=(("FORM", "/FrontPage/edit_page", {"body": "Changed, see SecondPage"}),),
    ),
    "bottle": Application(("bottle",), "wsgi", "site_:app", BOTTLE, start=("/hello/you", "/no")),
}
