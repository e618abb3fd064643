"""Tags for Django's templates, each library in the module of its name."""

__all__: list[str] = []
