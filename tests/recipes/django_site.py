# gunicorn --bind 127.0.0.1:8000 django_site:application
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_control

from wsgicache import CacheMiddleware

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="change me")


@cache_control(public=True, max_age=60)
def items(request):
    return HttpResponse("apple, banana\n", content_type="text/plain")


urlpatterns = [path("items", items)]
application = CacheMiddleware(get_wsgi_application())
