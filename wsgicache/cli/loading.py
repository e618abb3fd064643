"""Load the application that a command names as MODULE:APP."""

from __future__ import annotations

import importlib
import inspect
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

__all__ = ["Refusal", "load", "located"]

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

OUR_FRAMES = (__file__, importlib.__file__, "<frozen importlib")
"""Files whose frames begin a traceback of the user's module, and explain nothing."""


class Refusal(click.ClickException):
    """A command that cannot be carried out: one line, exit code 2."""

    exit_code = 2


def load(target: str) -> WSGIApplication:
    """Return the WSGI app that MODULE:APP or MODULE:FACTORY() names. Raises Refusal."""
    module, _, name = target.partition(":")
    attributes = name.removesuffix("()").split(".")
    if not all(part.isidentifier() for part in (*module.split("."), *attributes)):
        raise Refusal(f"{target!r} is not MODULE:APP, as in wsgicache.demo:app")
    with located(f"importing {module}"):
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if f"{module}.".startswith(f"{error.name}."):
                where = f"in {os.getcwd()} or among what is installed"
                raise Refusal(f"there is no module {error.name} {where}") from None
            raise
    for attribute in attributes:
        if not hasattr(found, attribute):
            raise Refusal(f"{target}: there is no {attribute} in {module}")
        found = getattr(found, attribute)
    if name.endswith("()"):
        with located(f"calling {target}"):
            found = found()
    app: WSGIApplication = found
    if not callable(app):
        raise Refusal(f"{target} is not a WSGI app: {type(found).__name__!r} cannot be called")
    with suppress(ValueError):  # some callables have no signature
        if not accepts_request(inspect.signature(app)):
            hint = "" if name.endswith("()") else f"; if it makes one, write {target}()"
            raise Refusal(
                f"{target} is not a WSGI app: its arguments are not (environ, start_response){hint}"
            )
    return app


def accepts_request(signature: inspect.Signature) -> bool:
    """Return whether it can be called with an environ and a start_response."""
    try:
        signature.bind({}, None)
    except TypeError:
        return False
    return True


@contextmanager
def located(doing: str) -> Iterator[None]:
    """Turn an exception of the user's code into a Refusal that shows where, without our frames."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:
        frame = error.__traceback__
        while frame and frame.tb_frame.f_code.co_filename.startswith(OUR_FRAMES):
            frame = frame.tb_next
        shown = "".join(traceback.format_exception(error.with_traceback(frame)))
        raise Refusal(f"{doing} raised {type(error).__name__}:\n{shown.rstrip()}") from None
