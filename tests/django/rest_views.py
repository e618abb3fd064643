"""The views of the project with Django REST framework."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.urls import include, path
from rest_framework import permissions, routers, serializers, viewsets
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.throttling import AnonRateThrottle
from rest_framework.urlpatterns import format_suffix_patterns
from rest_framework.views import APIView

from wsgicache import cache_for, cache_groups, cached, vary
from wsgicache.django import purge_on_save


class GroupSerializer(serializers.ModelSerializer):
    class Meta:
        model = Group
        fields = ("id", "name")


@cache_for(minutes=5)
@cache_groups("groups")
class GroupViewSet(viewsets.ModelViewSet):
    """A decorated class: all of its actions."""

    queryset = Group.objects.order_by("id")
    serializer_class = GroupSerializer
    permission_classes = (permissions.DjangoModelPermissionsOrAnonReadOnly,)


class NameViewSet(viewsets.ReadOnlyModelViewSet):
    """A decorated action."""

    queryset = Group.objects.order_by("id")
    serializer_class = GroupSerializer

    @cache_for(minutes=5)
    def list(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return super().list(request, *args, **kwargs)


@cache_for(minutes=5)
class Me(APIView):
    """What belongs to one person, and says only how long it stays."""

    permission_classes = (permissions.IsAuthenticated,)

    def get(self, request: Any, format: Any = None) -> Any:
        return Response({"name": request.user.username})


class MyOwn(Me):
    """The same, stored for each token."""

    @cached(server=300)
    @vary("Authorization", "Cookie")
    def get(self, request: Any, format: Any = None) -> Any:
        return super().get(request)


@cache_for(minutes=5)
@api_view(["GET", "POST"])
def above(request: Any, format: Any = None) -> Any:
    return Response({"said": "hello"})


@api_view(["GET"])
@cache_for(minutes=5)
def below(request: Any, format: Any = None) -> Any:
    return Response({"said": "hello"})


@cache_for(minutes=5)
class Limited(APIView):
    throttle_classes = (AnonRateThrottle,)

    def get(self, request: Any) -> Any:
        return Response({"path": request.get_full_path()})


router = routers.DefaultRouter()
router.register("groups", GroupViewSet)
router.register("names", NameViewSet, basename="name")
urlpatterns = [
    path("", include(router.urls)),
    path("limited/", Limited.as_view()),
    *format_suffix_patterns(
        [
            path("me/", Me.as_view()),
            path("my-own/", MyOwn.as_view()),
            path("above/", above),
            path("below/", below),
        ]
    ),
]
purge_on_save(Group, groups=["groups"])
