"""The guide's rules, one entry each; the only place where they stand.

Source: the guide "Fine-tuning for agents". A decision cites a rule by its id. The order is the
guide's: what each strategy is for, when a fine-tuned endpoint may serve, what fine-tuning costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MIN_TRAINING_EXAMPLES = 500
"""enough-data: below this an endpoint does not serve (the guide: "hundreds or thousands")."""
OVERFIT_EXAMPLES = 200
"""enough-data: below this it is refused outright as overfitting."""
CHEAPEST_RUN_USD = 50
"""training-cost: the guide's least for one training run."""
DEAREST_RUN_USD = 500
"""training-cost: the guide's most for one training run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of the guide.

    Attributes:
        id: Stable name that decisions cite.
        chapter: `strategy` (what each is for), `gate` (when a fine-tuned endpoint may serve, all
            must hold) or `cost` (what fine-tuning costs).
        text: The rule in one sentence.
    """

    id: str
    chapter: Literal["strategy", "gate", "cost"]
    text: str


_WHAT_EACH_IS_FOR = """
facts-need-retrieval: Factual knowledge comes from retrieval: the model looks it up, and the user\
 can see what was retrieved.
fresh-needs-retrieval: Current or changing information comes from retrieval: documents are\
 updated, nothing is retrained.
citations-need-retrieval: When sources are asked for by the task, the caller or the policy, the\
 answer is grounded in retrieval; fine-tuned models can't cite.
pattern-wants-examples: A repeated task pattern (classify, extract, convert, a fixed output form)\
 is taught with few-shot examples in the prompt.
style-wants-prompt: Voice and style are set by a detailed system prompt, then by few-shot examples.
prompt-first: Better prompting comes before anything else: it often gets 80 % of what fine-tuning\
 would.
retrieval-first-for-agents: An agent that is unsure retrieves: for agents fine-tuning is rarely\
 right.
"""

_WHEN_AN_ENDPOINT_MAY_SERVE = """
ladder-tried: Prompting, few-shot and (where facts matter) retrieval were tried on the same cases\
 and measured, and the endpoint beat them.
enough-data: It was trained on hundreds or thousands of examples; with less it overfits.
stable-data: The data behind it does not change often.
no-citations: The task needs no citations.
no-new-facts: The task needs no facts beyond its own text: fine-tuning is bad at factual updates.
fits-the-case: The reason is one of the guide's four: a specific style or voice, domain-specific\
 language, a specific task pattern, or latency.
"""

_WHAT_FINE_TUNING_COSTS = f"""
training-cost: ${CHEAPEST_RUN_USD}-{DEAREST_RUN_USD} a training run, by model and data size.
hosting-cost: A separate host, dearer than a base model by API.
iteration-cost: Each update means retraining; a retrieval update is free (update the documents).
expertise-cost: It needs machine-learning expertise; retrieval does not.
"""


def _read(chapter: Literal["strategy", "gate", "cost"], table: str) -> dict[str, Rule]:
    rows = (line.split(": ", 1) for line in table.strip().splitlines())
    return {id_: Rule(id=id_, chapter=chapter, text=text) for id_, text in rows}


RULES: dict[str, Rule] = {
    **_read("strategy", _WHAT_EACH_IS_FOR),
    **_read("gate", _WHEN_AN_ENDPOINT_MAY_SERVE),
    **_read("cost", _WHAT_FINE_TUNING_COSTS),
}
"""Every rule by its id, in the guide's order."""

ORDER: dict[str, int] = {id_: place for place, id_ in enumerate(RULES)}
"""A rule's place in the guide, for listing rejections."""
