"""Configuration of Sphinx: `make docs` builds the site from Markdown and from the code."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import build_reference

project = "kerasnn"
author = "the kerasnn authors"
copyright = author
release = version = version_of("kerasnn")
extensions = ["myst_parser", "sphinx_copybutton"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "kerasnn"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["kerasnn.css"]
# Fonts and scripts come with the site: nothing is loaded from elsewhere.
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
nitpicky = True

build_reference.write()
