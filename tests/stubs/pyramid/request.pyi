from collections.abc import Mapping, MutableMapping
from typing import Any

class Request:
    POST: Mapping[str, str]
    matchdict: dict[str, str]
    session: MutableMapping[str, Any]
    def route_url(self, route_name: str, *elements: object, **options: object) -> str: ...
    def __getattr__(self, name: str) -> Any: ...
