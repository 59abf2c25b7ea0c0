"""In: pytest's temporary folders. Out: the fixtures that all tests share."""

from pathlib import Path

import pytest

from project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project: write files and a spec, run it, look at what came of it."""
    return Project(tmp_path)
