"""The types of Flask-Login, of what the examples of the documentation use; the rest has none."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

_View = TypeVar("_View", bound=Callable[..., object])
_Loader = TypeVar("_Loader", bound=Callable[[str], object])

class LoginManager:
    session_protection: str | None
    def __init__(self, app: Flask | None = ..., add_context_processor: bool = ...) -> None: ...
    def user_loader(self, callback: _Loader) -> _Loader: ...
    def __getattr__(self, name: str) -> Any: ...

class UserMixin:
    id: str
    @property
    def is_authenticated(self) -> bool: ...
    def get_id(self) -> str: ...

current_user: UserMixin

def login_required(func: _View) -> _View: ...
def login_user(user: UserMixin, remember: bool = ..., **options: object) -> bool: ...
def __getattr__(name: str) -> Any: ...
