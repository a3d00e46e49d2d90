"""Personal data in training data, found by Presidio's recognisers (extra `personal-data`).

They know forms and check digits, and need no language model and no network: so names of people and
postal addresses are not found. Presidio's own engine would load a spaCy model, which pip alone does
not bring; its recognisers work without.
"""

from __future__ import annotations

from importlib.metadata import version

from presidio_analyzer import PatternRecognizer
from presidio_analyzer import predefined_recognizers as known
from tldextract import TLDExtract

_LEAST_SCORE = 0.4
"""Presidio's confidence, 0..1: a form without a check digit has 0.4 to 0.6, a weak one less."""
_STRICT_GROUPING = 2
"""Digits must be grouped as telephone numbers are (phonenumbers' leniency, 0..3)."""


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

    name = f"presidio-analyzer {version('presidio-analyzer')}"

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

    def kinds(self, text: str) -> frozenset[str]:
        """Which kinds of personal data a text holds, by Presidio's names, as `EMAIL_ADDRESS`."""
        starts = range(0, max(len(text) - _OVERLAP, 1), _WINDOW - _OVERLAP)
        return frozenset(
            hit.entity_type
            for window in (text[start : start + _WINDOW] for start in starts)
            for recogniser in self._recognisers
            for hit in recogniser.analyze(window, recogniser.supported_entities) or ()
            if hit.score >= _LEAST_SCORE
        )
