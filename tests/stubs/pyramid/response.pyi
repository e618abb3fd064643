from typing import Any

class Response:
    def __init__(
        self, body: bytes | str | None = ..., status: int | str | None = ..., **options: Any
    ) -> None: ...
    def __getattr__(self, name: str) -> Any: ...
