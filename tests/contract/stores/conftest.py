"""Each test of this folder runs against every store that `under_test.LEGS` names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from under_test import LEGS, MARKS, StoreUnderTest


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in LEGS])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], StoreUnderTest]:
    """Makes empty stores of one kind, as many as a test asks for."""
    numbers = count()

    def make() -> StoreUnderTest:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return LEGS[request.param](folder, request.addfinalizer, request)

    return make


@pytest.fixture
def store(make_store: Callable[[], StoreUnderTest]) -> StoreUnderTest:
    """An empty store."""
    return make_store()
