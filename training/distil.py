"""Trains `sentiment-fast` to say what the fine-tuned encoder says.

    python -m training.distil --data DATA --run RUN [--epochs 12]

The teacher judges the training texts, the sentences of the film reviews and fragments of them; the student learns
its probabilities and, where there is one, the label.
"""

import argparse
import random
import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional
from tqdm import tqdm

from training.corpus import Corpus, Recipe, Row
from training.datasets import Example, read_dev, read_train
from training.dev_scores import DevScores
from training.encoder import Classifier, restored
from training.half_precision import half_precision
from training.labels import LABELS
from training.padding import padded
from training.student import Student, with_words_of

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

HARD_LABELS = 0.3
"""Weight of the labels beside the teacher's probabilities."""

CONSTRUCTED = 12_000
"""Sentences of `constructions` among the labelled texts."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Texts of similar length, with the teacher's probabilities and the labels' (uniform where nobody gave one)."""

    ids: torch.Tensor
    mask: torch.Tensor
    teacher: torch.Tensor
    labels: torch.Tensor
    labelled: torch.Tensor


def main() -> None:
    """See the module."""
    arguments = parse()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(2)
    tokenizer = Tokenizer.from_file(str(arguments.run / "tokenizer.json"))
    weights = load_file(arguments.run / "best.safetensors")
    teacher = restored(weights)
    sets = read_train(arguments.data)
    rng = random.Random(arguments.seed)  # noqa: S311 - nothing secret is drawn
    # Labels count alike: what a class should count, the teacher knows.
    recipe = Recipe(rates={}, constructed=CONSTRUCTED, class_weight_power=0.0)
    labelled = Corpus(sets, tokenizer, recipe, arguments.seed).epoch(0, 128)
    labelled_rows = [batch.rows for batch in labelled]
    more = unlabelled(sets, tokenizer, rng)
    lessons = taught(teacher, labelled_rows, labelled=True) + taught(teacher, more, labelled=False)
    student = with_words_of(weights["embeddings.word_embeddings.weight"])
    dev = DevScores(read_dev(arguments.data), tokenizer, Recipe().max_tokens)
    learn(student, lessons, arguments.epochs, dev)
    save_file(student.state_dict(), arguments.run / "student.safetensors")


def unlabelled(sets: dict[str, list[Example]], tokenizer: Tokenizer, rng: random.Random) -> list[list[Row]]:
    """Sentences of the reviews, and fragments of what has several words."""
    sentences = [part for example in sets["imdb"] for part in SENTENCE_END.split(example.text)]
    texts = [example.text for name in ("tweeteval", "goemotions3", "sst3") for example in sets[name]]
    fragments = [fragment(text, rng) for text in rng.sample(texts + sentences, len(texts) // 2)]
    encodings = tokenizer.encode_batch(sentences + fragments)
    uniform = (1 / len(LABELS),) * len(LABELS)
    rows = sorted((Row(encoding.ids[:64], uniform) for encoding in encodings), key=lambda row: len(row.ids))
    return [rows[start : start + 128] for start in range(0, len(rows), 128)]


def fragment(text: str, rng: random.Random) -> str:
    """Some consecutive words."""
    words = text.split()
    length = rng.randint(2, 12)
    start = rng.randrange(max(1, len(words) - length + 1))
    return " ".join(words[start : start + length])


def taught(teacher: Classifier, batches: list[list[Row]], *, labelled: bool) -> list[Lesson]:
    """The teacher's word on each text."""
    teacher.eval()
    lessons = []
    for rows in tqdm(batches, desc="teacher", mininterval=10.0):
        ids, mask = padded([row.ids for row in rows])
        with torch.inference_mode(), half_precision(torch.device("cpu")):
            chances = teacher(ids, mask).float().softmax(1)
        labels = torch.tensor([row.target for row in rows])
        lessons.append(Lesson(ids, mask, chances.clone(), labels, torch.full((len(rows),), float(labelled))))
    return lessons


def learn(student: Student, lessons: list[Lesson], epochs: int, dev: DevScores) -> None:
    """Adam with a learning rate that falls in a line."""
    optimizer = torch.optim.Adam(student.parameters(), lr=2e-3, fused=True)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, total_iters=epochs * len(lessons))
    for epoch in range(epochs):
        student.train()
        total = 0.0
        for index in torch.randperm(len(lessons)).tolist():
            loss = loss_of(student, lessons[index])
            loss.backward()
            optimizer.step()
            falling.step()
            optimizer.zero_grad(set_to_none=True)
            total += loss.item()
        scores = {name: round(score, 4) for name, score in dev.of(student).items()}
        tqdm.write(f"epoch {epoch + 1}: loss {total / len(lessons):.4f} {scores}")


def loss_of(student: Student, lesson: Lesson) -> torch.Tensor:
    """Cross-entropy against the teacher, and a little against the labels."""
    logits = student(lesson.ids, lesson.mask)
    soft = functional.cross_entropy(logits, lesson.teacher)
    hard = functional.cross_entropy(logits, lesson.labels, reduction="none") * lesson.labelled
    return soft + HARD_LABELS * hard.mean()


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--run", type=Path, required=True, help="folder of a finished fine_tune run")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
