from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from agent_knowledge.models.faults import BrokenAnswerError, asked_wait_s, fault_of

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)
REQUEST: Any = None


def answered(status: int, **headers: str) -> openai.APIStatusError:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    response: Any = SimpleNamespace(status_code=status, headers=told, request=REQUEST)
    return openai.APIStatusError("key sk-secret", response=response, body={"m": "sk-secret"})


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_repeated_and_counts(status: int):
    fault = fault_of(answered(status))
    assert (fault.repeat, fault.counts, fault.status) == (True, True, status)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_faults_of_request_key_or_configuration_do_neither(status: int):
    fault = fault_of(answered(status))
    assert (fault.repeat, fault.counts, fault.status) == (False, False, status)


def test_a_server_may_say_whether_to_repeat():
    assert not fault_of(answered(429, x_should_retry="false")).repeat
    assert fault_of(answered(400, x_should_retry="true")).repeat


def test_a_lost_connection_is_repeated_also_where_a_client_wraps_it():
    lost = RuntimeError("the client's own kind")
    lost.__cause__ = ConnectionRefusedError()
    for error in (lost, openai.APIConnectionError(request=REQUEST), ConnectionResetError()):
        fault = fault_of(error)
        assert (fault.repeat, fault.counts, fault.timed_out) == (True, True, False)


def test_a_time_out_is_repeated_and_named():
    for error in (openai.APITimeoutError(request=REQUEST), TimeoutError()):
        fault = fault_of(error)
        assert (fault.repeat, fault.timed_out, fault.what) == (True, True, "time-out")


def test_an_error_inside_a_stream_is_read_by_its_code():
    error = openai.APIError("sk-secret", request=REQUEST, body={"code": 503})
    assert fault_of(error).repeat
    error = openai.APIError("sk-secret", request=REQUEST, body={"code": "invalid_api_key"})
    assert not fault_of(error).repeat


def test_whatever_else_counts_and_is_not_repeated():
    fault = fault_of(ValueError("sk-secret is no JSON"))
    assert (fault.repeat, fault.counts, fault.what) == (False, True, "ValueError")
    assert fault_of(BrokenAnswerError("broke", repeat=True)).repeat


def test_no_word_of_a_provider_is_told():
    for error in (answered(500), answered(401), ValueError("sk-secret")):
        assert "sk-secret" not in repr(fault_of(error))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, 0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3),
        ({"retry-after": "inf"}, float("inf")),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], wait_s: float | None):
    assert asked_wait_s(headers, NOW.timestamp()) == wait_s
