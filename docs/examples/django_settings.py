import django
from django.conf import settings
from django.db import connection, models
from django.http import HttpRequest, JsonResponse
from django.urls import path

from wsgicache import cache_for
from wsgicache.django import cache, get_wsgi_application, purge_on_save

settings.configure(
    ALLOWED_HOSTS=["localhost"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["wsgicache.django"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for this example",
    WSGICACHE={"STORE": "memory://", "POLICY": {"sort_query": True}},
)
django.setup()


class Fruit(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        app_label = "shop"

    def get_absolute_url(self) -> str:
        return f"/fruit/{self.pk}"


purge_on_save(Fruit)


@cache_for(minutes=1)
def fruit(request: HttpRequest, pk: int) -> JsonResponse:
    return JsonResponse({"name": Fruit.objects.get(pk=pk).name})


def rename(request: HttpRequest, pk: int) -> JsonResponse:
    one = Fruit.objects.get(pk=pk)
    one.name = request.POST["name"]
    one.save()
    return JsonResponse({"renamed": pk})


def rename_all(request: HttpRequest) -> JsonResponse:
    Fruit.objects.update(name=request.POST["name"])  # sends no signals
    cache.purge_prefix("http://localhost/fruit/")
    return JsonResponse({"renamed": "all"})


urlpatterns = [
    path("fruit/<int:pk>", fruit),
    path("rename/<int:pk>", rename),
    path("rename", rename_all),
]
with connection.schema_editor() as editor:
    editor.create_model(Fruit)
Fruit.objects.bulk_create([Fruit(name="apple")])  # sends no signals, so it purges nothing

app = get_wsgi_application()
