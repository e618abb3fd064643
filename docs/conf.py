"""How Sphinx builds the documentation: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import dataclasses
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

sys.path.insert(0, str(Path(__file__).parent.parent))

from wsgicache import Policy

project = "wsgicache"
copyright = "wsgicache contributors"
release = version = version_of("wsgicache")
extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx_click"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", r".*")]
default_role = "py:obj"
intersphinx_mapping: dict[str, tuple[str, None]] = {}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
html_theme = "furo"
html_title = f"wsgicache {release}"
html_copy_source = False
html_show_sphinx = False


class PolicyOptions(SphinxDirective):
    """A table of every option of `Policy`, its value in both profiles and its docstring."""

    def run(self) -> list[nodes.Node]:
        analyzer = ModuleAnalyzer.for_module(Policy.__module__)
        analyzer.analyze()
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 24 14 14 48",
            "",
            "   * - option",
            "     - ``Policy()``",
            "     - ``Policy.rfc()``",
            "     - effect",
        ]
        safe, rfc = Policy(), Policy.rfc()
        for option in dataclasses.fields(Policy):
            if not option.init:
                continue
            told = " ".join(analyzer.attr_docs["Policy", option.name])
            lines += [
                f"   * - ``{option.name}``",
                f"     - {shown(getattr(safe, option.name))}",
                f"     - {shown(getattr(rfc, option.name))}",
                f"     - {told}",
            ]
        return self.parse_text_to_nodes(StringList(lines, "policy-options"))


def shown(value: object) -> str:
    """A value for the table: long collections are named by their length."""
    if isinstance(value, tuple | frozenset) and len(value) > 2:
        return f"{len(value)} names"
    return f"``{value!r}``"


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("policy-options", PolicyOptions)
