import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path

from wsgicache import CacheMiddleware, cache_control

settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for this example",
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
django.setup()


@cache_control(public=True, max_age=60)
def contact(request: HttpRequest) -> HttpResponse:
    form = engines["django"].from_string("<form>{% csrf_token %}</form>")
    return HttpResponse(form.render({}, request))


@cache_control(public=True, max_age=60)
def opening_hours(request: HttpRequest) -> HttpResponse:
    return HttpResponse("9 to 5")


urlpatterns = [path("contact", contact), path("opening-hours", opening_hours)]
app = CacheMiddleware(get_wsgi_application())
