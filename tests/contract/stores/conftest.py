"""Each test of this folder runs against every store that `under_test.LEGS` names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from under_test import LEFT_OUT, LEGS, MARKS, SERVERS, SMOKE, StoreUnderTest

from tests.postgres_server import PostgresServer, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        leg = item.callspec.params.get("make_store") if hasattr(item, "callspec") else None
        if leg in SERVERS and item.originalname not in SMOKE:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running() as server:
        yield server


@pytest.fixture(params=[pytest.param(name, marks=MARKS.get(name, ())) for name in LEGS])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], StoreUnderTest]:
    """Makes empty stores of one kind, as many as a test asks for."""
    numbers = count()
    if why := LEFT_OUT.get(request.param, {}).get(request.node.originalname):
        pytest.skip(why)

    def make() -> StoreUnderTest:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return LEGS[request.param](folder, request.addfinalizer, request)

    return make


@pytest.fixture
def store(make_store: Callable[[], StoreUnderTest]) -> StoreUnderTest:
    """An empty store."""
    return make_store()
