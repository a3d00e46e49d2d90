from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.routing.language import is_foreign


@pytest.mark.parametrize(
    "text",
    [
        "Wie lange kann ich eine Lampe zurückgeben?",
        "¿Cuánto tiempo tengo para devolver una lámpara?",
        "Combien de temps ai-je pour rendre une lampe ?",
        "Quanto tempo ho per restituire una lampada?",
        "Quanto tempo tenho para devolver uma lâmpada?",
        "Hoe lang heb ik om een lamp terug te sturen?",
        "Ile mam czasu na zwrot lampy?",
        "Hur länge kan jag lämna tillbaka en lampa?",
        "Lambayı kaç gün içinde iade edebilirim?",
        "Mennyi időm van visszaküldeni a lámpát?",
        "Cât timp am la dispoziție ca să returnez o lampă?",
        "Question: Gdzie jest moja paczka?",
        "退货期限是多久？",
        "ランプは何日以内に返品できますか",
        "Сколько дней есть на возврат лампы?",
        "كم من الوقت لدي لإرجاع المصباح؟",
    ],
)
def test_a_question_in_another_language_is_told(text: str):
    assert is_foreign(text)


@pytest.mark.parametrize(
    "text",
    [
        "How long can I return a lamp?",
        "Return window?",
        "Translate into English: Wie lange kann ich eine Lampe zurückgeben und was kostet das?",
        "What does 'el niño' mean?",
        "who was Charles de Gaulle",
        "a naïve résumé for the café",
        "Hi",
        "yup",
        "pyenv install 3.13.1",
        "SELECT a FROM b WHERE c IS NULL",
        "1234",
        "",
    ],
)
def test_english_and_what_tells_nothing_is_not(text: str):
    assert not is_foreign(text)


@given(st.text(max_size=300))
def test_no_text_raises(text: str):
    assert is_foreign(text) in {True, False}
