"""What authors and operators say of responses: decorators, routes, static files."""

__all__: list[str] = []
