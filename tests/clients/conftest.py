"""The packages, before anything else."""

import pytest

from .packages import install


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    install()
