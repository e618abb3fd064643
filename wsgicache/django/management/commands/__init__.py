"""The commands of ``manage.py``, each in the module of its name."""

__all__: list[str] = []
