from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

class Router:
    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]: ...
    def __getattr__(self, name: str) -> Any: ...
