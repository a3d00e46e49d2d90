"""Personal data, found by Presidio's recognisers: what they know, and that they stay offline."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from agent_knowledge.screening.personal import PersonalData
from agent_knowledge.screening.redacting import redact


def kinds(personal: PersonalData, text: str) -> frozenset[str]:
    return frozenset(kind for _, _, kind in personal.find(text))


@pytest.fixture(scope="module")
def personal() -> PersonalData:
    return PersonalData()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to jane.doe@example.com, please.", "EMAIL_ADDRESS"),
        ("Call me on +44 20 7946 0958.", "PHONE_NUMBER"),
        ("It was (415) 555-2671.", "PHONE_NUMBER"),
        ("Charge 4111 1111 1111 1111 again.", "CREDIT_CARD"),
        ("Send it to DE89 3704 0044 0532 0130 00.", "IBAN_CODE"),
        ("My number is 536-90-4399.", "US_SSN"),
        ("NHS number 943 476 5919", "UK_NHS"),
        ("I log in from 203.0.113.7.", "IP_ADDRESS"),
        ("Codice fiscale RSSMRA85T10A562S", "IT_FISCAL_CODE"),
        ("I was born on 3 May 1987 in Leeds.", "BIRTH_DATE"),
        ("DOB: 03/05/1987", "BIRTH_DATE"),
        ("My passport is 533380006, thanks.", "PASSPORT"),
        ("The key AKIAIOSFODNN7EXAMPLE stopped working.", "AWS_ACCESS_KEY"),
        ("I pasted https://me:pa55w0rd@host.example/x there.", "BASIC_AUTH_CREDENTIALS"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----", "PRIVATE_KEY"),
    ],
)
def test_it_is_told_by_its_form(personal: PersonalData, text: str, kind: str) -> None:
    assert kind in kinds(personal, text)


@pytest.mark.parametrize(
    "text",
    [
        "I was charged $5,000.00 twice on 2024-05-03.",
        "My card ends in 1234 and expires 10/27.",
        "Charge 4111 1111 1111 1112 again.",
        "Send it to DE89 3704 0044 0532 0130 01.",
        "Write to jane at example dot com.",
        "Order 12345678 has three items of 250 g.",
        "It arrived on 3 May 2024, order 533380006.",
        "My passport was never asked for; the trip was in 2019.",
        "The commit is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b.",
    ],
)
def test_other_numbers_are_let_be(personal: PersonalData, text: str) -> None:
    assert kinds(personal, text) == frozenset()


@pytest.mark.parametrize("before", [1885, 1905, 1990, 3800, 3888])
def test_it_is_found_wherever_in_a_long_text_it_stands(personal: PersonalData, before: int) -> None:
    text = f"{'word ' * (before // 5)}{'x' * (before % 5)} DE89 3704 0044 0532 0130 00 and so on."
    assert kinds(personal, text) == {"IBAN_CODE"}


def test_nothing_is_asked_of_the_network(
    personal: PersonalData, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *address, **_: asked.append(address) or [])
    assert "EMAIL_ADDRESS" in kinds(personal, "jane.doe@some-shop.co.uk")
    assert asked == []


def test_what_is_found_is_replaced_by_its_kind_and_nothing_else_is(personal: PersonalData) -> None:
    text = (
        "Mail jane.doe@example.com, born 03/05/1987: the key\nAKIAIOSFODNN7EXAMPLE is hers\n"
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----\nend"
    )
    assert redact(text, personal) == (
        "Mail <EMAIL_ADDRESS>, born <BIRTH_DATE>: the key\n<AWS_ACCESS_KEY> is hers\n"
        "<PRIVATE_KEY>\nend"
    )
