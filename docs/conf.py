"""How Sphinx builds the documentation: ``python -m sphinx -W docs docs/_build``."""

from __future__ import annotations

import dataclasses
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

sys.path.insert(0, str(Path(__file__).parent.parent))

from wsgicache import Policy

project = "wsgicache"
copyright = "wsgicache contributors"
release = version = version_of("wsgicache")
extensions = ["sphinx.ext.autodoc", "sphinx.ext.intersphinx", "sphinx_click"]
exclude_patterns = ["_build"]
nitpicky = True
OTHER_PACKAGES = r"(collections|datetime|os|ssl|cachelib|_typeshed)\..*|WSGI\w+|Flask|Blueprint"
NOT_API = (
    r"(wsgicache\.rules|rules|stores|wsgicache\.stores\.stamps|wsgicache\.testing\.asserts)\..*"
    r"|Lines|Key|PackedStore|Job|Observer|Runner|Response|Store|wall|now|check_folder"
)
nitpick_ignore_regex = [("py:.*", OTHER_PACKAGES), ("py:.*", NOT_API)]
default_role = "py:obj"
intersphinx_mapping: dict[str, tuple[str, None]] = {}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
html_theme = "furo"
html_title = f"wsgicache {release}"
html_copy_source = False
html_show_sphinx = False


class PolicyOptions(SphinxDirective):
    """Every option of `Policy`: its docstring and its value in both profiles."""

    def run(self) -> list[nodes.Node]:
        analyzer = ModuleAnalyzer.for_module(Policy.__module__)
        analyzer.analyze()
        lines = []
        safe, rfc = Policy(), Policy.rfc()
        for option in dataclasses.fields(Policy):
            if not option.init:
                continue
            careful, by_the_rfc = getattr(safe, option.name), getattr(rfc, option.name)
            lines += [
                f".. confval:: {option.name}",
                f"   :default: {shown(careful)}",
                "",
                "   " + " ".join(analyzer.attr_docs["Policy", option.name]),
                "",
            ]
            if by_the_rfc != careful:
                lines += [f"   ``Policy.rfc()`` has {shown(by_the_rfc)}.", ""]
        return self.parse_text_to_nodes(StringList(lines, "policy-options"))


def shown(value: object) -> str:
    """A value for the table: long collections are named by their length."""
    if isinstance(value, tuple | frozenset) and len(value) > 2:
        return f"{len(value)} names"
    return f"``{value!r}``"


def by_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.reference | None:
    """Resolve `Policy`, and `refresh()` of a class, wherever a docstring names them."""
    short = "." + node.get("reftarget", "").removesuffix("()")
    for domain in [env.domains.python_domain] if node.get("refdomain") == "py" else []:
        found = [name for name in domain.objects if name.endswith(short)]
        if found:
            entry = domain.objects[min(found, key=len)]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content)
    return None


def setup(app: Sphinx) -> None:
    """Register the directive, and what resolves short names."""
    app.add_directive("policy-options", PolicyOptions)
    app.connect("missing-reference", by_short_name)
