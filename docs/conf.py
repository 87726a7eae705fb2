"""Settings of the documentation: built by `make docs`, without network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

project = "hnetzoo"
author = "the hnetzoo contributors"
project_copyright = author
version = release = version_of("hnetzoo")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "docs.building.extension"]
exclude_patterns = ["_build", "building", "gallery/*.py"]
nitpicky = True
nitpick_ignore = [  # what public names return or take, and nobody imports
    ("py:class", "hnetzoo.association.contracts.Dataset"),
    ("py:class", "hnetzoo.association.manifest.Manifest"),
    ("py:class", "hnetzoo.association.problem_files.StoredProblems"),
    ("py:class", "hnetzoo.registry.components.Component"),
    ("py:class", "hnetzoo.registry.components.SpecType"),
    ("py:class", "hnetzoo.registry.specs.Spec"),
    ("py:class", "hnetzoo.testing.outcome.CheckFunction"),
]
suppress_warnings = ["myst.header"]  # the headings of tables are as deep in every document
myst_heading_anchors = 4
default_role = "py:obj"

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Fields", "params_style")]
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"hnetzoo {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_copy_source = False
html_show_sourcelink = False
linkcheck_timeout = 20
