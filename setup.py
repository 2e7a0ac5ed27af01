"""What setup.cfg cannot hold: everything that needs the address of the repository."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "scripts"))

from long_description import REPOSITORY, long_description, project_urls  # noqa: E402

setup(
    long_description=long_description((ROOT / "README.md").read_text("utf-8"), REPOSITORY),
    long_description_content_type="text/markdown",
    project_urls=project_urls(REPOSITORY),
)
