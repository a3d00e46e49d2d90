"""The fine-tuned classifier as an OpenAI-compatible endpoint on loopback.

    python -m tools.bench.peers.classifier_server FOLDER --port 18081

Needs the `ladder` extra. FOLDER is what `tools.train.intent_classifier` wrote. The last user
message is classified, and the answer is the label: what was said before it is not read, since the
model learnt from single messages.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from agent_knowledge.demo.completions import CompletionsServer, Respond, StubReply
from tools.train.intent_classifier import IntentClassifier

PORT = 18081


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what tools.train.intent_classifier wrote")
    parser.add_argument("--port", type=int, default=PORT)
    args = parser.parse_args()
    folder: Path = args.folder.resolve()
    respond = responder(IntentClassifier.load(folder))
    server = CompletionsServer(respond, folder.name, args.port)
    print(f"serving {folder.name!r} at {server.url}", flush=True)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def responder(classifier: IntentClassifier) -> Respond:
    """Answer a text with its label; tokens are counted by the model's own tokenizer."""

    def respond(text: str) -> StubReply:
        label = classifier.predict([text])[0]
        return StubReply(
            text=label,
            prompt_tokens=len(classifier.tokens([text])["input_ids"][0]),
            completion_tokens=len(classifier.tokenizer.tokenize(label)),
        )

    return respond


if __name__ == "__main__":
    main()
