"""What Django looks for in this folder: the commands of ``manage.py``."""

__all__: list[str] = []
