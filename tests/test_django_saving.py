"""What is purged when objects of Django change, in every way in which they can."""

from __future__ import annotations

from pathlib import Path

from tests.test_django import project, run, with_settings

__all__ = ["project"]

MODELS = """
from django.db import models
from django.urls import reverse
from wsgicache.django import purge_on_save
class Tag(models.Model):
    name = models.TextField()
class Place(models.Model):
    slug = models.TextField()
    owner = models.IntegerField()
    tags = models.ManyToManyField(Tag)
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.began = self.slug[:0]
    def get_absolute_url(self):
        return f"{self.began}/{self.slug}"
class Cafe(Place):
    pass
class Famous(Place):
    class Meta:
        proxy = True
class Page(models.Model):
    def get_absolute_url(self):
        return reverse("page", args=[self.pk])
class Named(models.Model):
    id = models.UUIDField(primary_key=True, default=__import__("uuid").uuid4)
    class Meta:
        abstract = True
class Street(Named):
    pass
def groups(place):
    if place.owner < 0:
        raise ValueError("nobody owns it")
    return [f"owner-{place.owner}", *(f"tag-{tag.name}" for tag in place.tags.all())]
purge_on_save(Famous, groups=groups)
purge_on_save(Page)
purge_on_save(Named, groups=lambda street: ["streets"])
"""
MORE = """
WSGICACHE = {"HOSTS": ["a"]}
DATABASES["other"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": "other.db"}
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
"""
URLS = """
from django.conf.urls.i18n import i18n_patterns
from django.urls import path
from shop.views import page
urlpatterns = i18n_patterns(path("page/<int:pk>", page, name="page"))
"""
SETUP = """
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
import django
django.setup()
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from shop.models import *
from wsgicache.django import cache
for name in ("default", "other"):
    call_command("migrate", run_syncdb=True, verbosity=0, database=name)
found = []
cache.purge = lambda url, **how: found.append(url.removeprefix("http://a"))
cache.purge_groups = lambda *names, **how: found.extend(names)
def said(label):
    print(label, *sorted(found))
    found.clear()
def save(place, **values):
    vars(place).update(values)
    place.save()
"""
STEPS = """
place = Place.objects.create(slug="p", owner=1)
said("created")
save(place, slug="q", owner=2)
said("moved")
red, blue = Tag.objects.create(name="red"), Tag.objects.create(name="blue")
said("tag")
place.tags.add(red, blue)
said("added")
place.tags.remove(blue)
said("removed")
red.place_set.clear()
said("cleared from the other side")
other = Place.objects.create(slug="other", owner=2)
found.clear()
red.place_set.set([place, other])
said("set from the other side")
other.delete()
found.clear()
place.tags.clear()
said("cleared")
place.tags.add(red)
found.clear()
with transaction.atomic():
    save(place, owner=3)
    said("before COMMIT")
    try:
        with transaction.atomic():
            save(place, owner=4)
            raise KeyError
    except KeyError:
        pass
    place.refresh_from_db()
said("after COMMIT")
Place.objects.bulk_create([Place(slug="bulk", owner=9)])
Place.objects.filter(slug="bulk").update(owner=8)
Place.objects.bulk_update(Place.objects.filter(slug="bulk"), ["owner"])
said("in bulk")
Place.objects.all().delete()
said("all deleted")
cafe = Cafe.objects.create(slug="cafe", owner=5)
said("inherits")
Famous.objects.get(slug="cafe").save()
said("proxy")
with transaction.atomic():
    there = Place.objects.using("other").create(slug="o", owner=6)
    said("in another database")
    with transaction.atomic(using="other"):
        save(there, owner=7)
        said("before its COMMIT")
    said("after its COMMIT")
fields = {"slug": "raw", "owner": 1, "tags": [77]}
rows = [{"model": "shop.place", "pk": 7, "fields": fields}]
rows.append({"model": "shop.tag", "pk": 77, "fields": {"name": "green"}})
with open("rows.json", "w") as file:
    json.dump(rows, file)
call_command("loaddata", "rows.json", verbosity=0)
said("fixture")
with CaptureQueriesContext(connection) as asked:
    Street.objects.create().save()
said(f"{len(asked)} queries")
page = Page.objects.create()
said("languages")
found.clear()
with CaptureQueriesContext(connection) as asked:
    page.save()
    Place(slug="new", owner=1, pk=70).save()
said(f"{len(asked)} queries, of which one asks for what is not there")
new = Place.objects.create(slug="more", owner=1)
found.clear()
with CaptureQueriesContext(connection) as asked:
    save(new, owner=6)
said(f"{len(asked)} queries, two of them about tags")
odd = Place.objects.create(slug="odd", owner=-1)
said("raises")
save(odd, owner=1)
said("mended")
save(odd, owner=-1)
found.clear()
odd.delete()
said("raises, deleted")
"""
EXPECTED = """
created /p owner-1
moved /p /q owner-1 owner-2
tag
added /q owner-2 tag-blue tag-red
removed /q owner-2 tag-blue tag-red
cleared from the other side /q owner-2 tag-red
set from the other side /other /q owner-2 tag-red
cleared /q owner-2 tag-red
before COMMIT
after COMMIT /q owner-2 owner-3 tag-red
in bulk
all deleted /bulk /q owner-3 owner-8 tag-red
inherits /cafe owner-5
proxy /cafe owner-5
in another database /o owner-6
before its COMMIT
after its COMMIT /o owner-6 owner-7
fixture /raw owner-1 tag-green
2 queries streets streets
languages /de/page/1 /en/page/1
5 queries, of which one asks for what is not there /de/page/1 /en/page/1 /new owner-1
4 queries, two of them about tags /more owner-1 owner-6
raises /odd
mended /odd owner-1
raises, deleted /odd
"""


def test_every_way_of_changing_purges_what_showed_the_object_and_what_shows_it(
    project: Path,
) -> None:
    with_settings(project, MORE)
    (project / "shop/models.py").write_text(MODELS, "utf-8")
    (project / "shop/views.py").write_text("def page(request, pk): return None", "utf-8")
    (project / "shop/pages.py").write_text(URLS, "utf-8")
    lines = run(project, SETUP + STEPS).stdout.splitlines()
    found = [" ".join(dict.fromkeys(line.split(" "))) for line in lines]
    assert found == EXPECTED.replace("streets streets", "streets").strip().splitlines()
