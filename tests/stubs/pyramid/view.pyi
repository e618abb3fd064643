from collections.abc import Callable
from typing import TypeVar

_View = TypeVar("_View", bound=Callable[..., object])

class view_config:
    def __init__(self, **settings: object) -> None: ...
    def __call__(self, wrapped: _View) -> _View: ...
