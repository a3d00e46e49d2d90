"""Personal data and secrets in training data (extra `personal-data`).

Presidio's recognisers know personal data by forms and check digits, and need no language model and
no network: so names of people and postal addresses are not found. Presidio's own engine would load
a spaCy model, which pip alone does not bring; its recognisers work without. What has no form of its
own, a passport's number or a date of birth, counts where a word beside it says so. Keys, tokens and
passwords are found by detect-secrets' detectors of forms; those of mere entropy would take every
order number for one. No secret is tried out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings
from presidio_analyzer import Pattern, PatternRecognizer
from presidio_analyzer import predefined_recognizers as known
from tldextract import TLDExtract

_LEAST_SCORE = 0.4
"""Presidio's confidence, 0..1: a form without a check digit has 0.4 to 0.6, a weak one less."""
_STRICT_GROUPING = 2
"""Digits must be grouped as telephone numbers are (phonenumbers' leniency, 0..3)."""


_NEAR = 40
"""Characters to each side in which a word says what a number is: the half of a line."""
_BIRTH = re.compile(r"\b(?:born|birth|birthda(?:y|te)|d\.?o\.?b|geb(?:oren|urt\w*)|née?)\b", re.I)
_PASSPORT = re.compile(r"\b(?:pass(?:port|eport|aporto|nummer)|pasaporte|reisepass)", re.I)
_MONTHS = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_WORDED = (
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTHS}\.?,?\s+\d{{4}}\b",
    rf"\b{_MONTHS}\.?\s+\d{{1,2}}(?:st|nd|rd|th)?,?\s+\d{{4}}\b",
)
"""Dates with the month as a word, which Presidio's own recogniser does not know."""
_SECRETS = (
    *("AWSKeyDetector", "ArtifactoryDetector", "AzureStorageKeyDetector", "BasicAuthDetector"),
    *("CloudantDetector", "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector"),
    *("IbmCloudIamDetector", "IbmCosHmacDetector", "JwtTokenDetector", "KeywordDetector"),
    *("MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector"),
    *("PypiTokenDetector", "SendGridDetector", "SlackDetector", "SoftlayerDetector"),
    *("SquareOAuthDetector", "StripeDetector", "TelegramBotTokenDetector", "TwilioKeyDetector"),
)
_DETECTORS = {"plugins_used": [{"name": name} for name in _SECRETS]}
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.S)
_WINDOW = 2_000
"""Characters looked at together: some of the expressions take quadratic time."""
_OVERLAP = 100
"""Characters that windows share, so that nothing is cut in both."""


class _OfflineEmailRecognizer(known.EmailRecognizer):
    """Knows the top-level domains that its package holds; Presidio's own fetches a newer list."""

    _domains = TLDExtract(suffix_list_urls=())

    def validate_result(self, pattern_text: str) -> bool:
        """Whether the address is of a domain that can exist."""
        return bool(self._domains(pattern_text).fqdn)


class PersonalData:
    """Satisfies `data_card.Detector`."""

    name = ", ".join(f"{part} {version(part)}" for part in ("presidio-analyzer", "detect-secrets"))

    def __init__(self) -> None:
        """Set up the recognisers."""
        self._recognisers: tuple[PatternRecognizer | known.PhoneRecognizer, ...] = (
            _OfflineEmailRecognizer(),
            known.PhoneRecognizer(leniency=_STRICT_GROUPING),
            known.CreditCardRecognizer(),
            known.IbanRecognizer(),
            known.IpRecognizer(),
            known.UsSsnRecognizer(),
            known.UsItinRecognizer(),
            known.NhsRecognizer(),
            known.UkNinoRecognizer(),
            known.EsNifRecognizer(),
            known.EsNieRecognizer(),
            known.ItFiscalCodeRecognizer(),
            known.PlPeselRecognizer(),
            known.SePersonnummerRecognizer(),
            known.DeTaxIdRecognizer(),
            known.InAadhaarRecognizer(),
            known.KrRrnRecognizer(),
        )

        dates = PatternRecognizer(
            supported_entity="DATE_TIME",
            patterns=[Pattern("worded", form, _LEAST_SCORE) for form in _WORDED],
        )
        self._beside: tuple[tuple[str, re.Pattern[str], PatternRecognizer], ...] = (
            ("BIRTH_DATE", _BIRTH, known.DateRecognizer()),
            ("BIRTH_DATE", _BIRTH, dates),
            ("PASSPORT", _PASSPORT, known.UsPassportRecognizer()),
            ("PASSPORT", _PASSPORT, known.UkPassportRecognizer()),
            ("PASSPORT", _PASSPORT, known.InPassportRecognizer()),
            ("PASSPORT", _PASSPORT, known.ItPassportRecognizer()),
            ("PASSPORT", _PASSPORT, known.DePassportRecognizer()),
            ("PASSPORT", _PASSPORT, known.EsPassportRecognizer()),
        )

    def find(self, text: str) -> tuple[tuple[int, int, str], ...]:
        """What a text holds of it: start, end and kind, as `EMAIL_ADDRESS` or `AWS_ACCESS_KEY`."""
        starts = range(0, max(len(text) - _OVERLAP, 1), _WINDOW - _OVERLAP)
        found = set(_secrets(text))
        for start in starts:
            window = text[start : start + _WINDOW]
            found |= {(start + a, start + b, kind) for a, b, kind in self._personal(window)}
        return tuple(sorted(found))

    def _personal(self, window: str) -> Iterator[tuple[int, int, str]]:
        for recogniser in self._recognisers:
            for hit in recogniser.analyze(window, recogniser.supported_entities) or ():
                if hit.score >= _LEAST_SCORE:
                    yield hit.start, hit.end, hit.entity_type
        for kind, word, recogniser in self._beside:
            if not word.search(window):
                continue
            for hit in recogniser.analyze(window, recogniser.supported_entities) or ():
                if word.search(window[max(hit.start - _NEAR, 0) : hit.end + _NEAR]):
                    yield hit.start, hit.end, kind


def _secrets(text: str) -> Iterator[tuple[int, int, str]]:
    """Secrets; each reaches to the white space around it, since some detectors name but a part."""
    for block in _KEY_BLOCK.finditer(text):
        yield block.start(), block.end(), "PRIVATE_KEY"
    start = 0
    with transient_settings(_DETECTORS):
        for line in text.splitlines(keepends=True):
            for hit in scan_line(line):
                at = line.find(hit.secret_value or "")
                if at >= 0 and hit.type != "Private Key":
                    first = max(line.rfind(blank, 0, at) for blank in " \t") + 1
                    rest = line[at:].split(maxsplit=1)[0]
                    kind = hit.type.upper().replace(" ", "_")
                    yield start + first, start + at + len(rest), kind
            start += len(line)
