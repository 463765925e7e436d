"""What earlier runs say of the training texts, for a later run to learn from.

    python -m training.teacher --data DATA --run RUN --weights A.safetensors B.safetensors

Writes RUN/teacher.safetensors: for each set one row of probabilities a text, the mean over the networks. Two networks
together are right more often than either, and they say where readers may disagree.
"""

import argparse
import dataclasses
import random
import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tqdm import tqdm

from training.constructions import NAMES
from training.datasets import Example, read_train
from training.dev_scores import logits_of
from training.encoder import Classifier, restored

TAUGHT = ("sst3", "phrases", "sst2", "tweeteval", "goemotions3")
"""Not the long reviews, of which each epoch takes another part."""

SOFTNESS = 1.5
"""Temperature of the teachers: they have seen these texts and are surer of them than of others."""

CHUNK = 2048


def main() -> None:
    """See the module."""
    arguments = parse()
    torch.set_num_threads(2)
    tokenizer = Tokenizer.from_file(str(arguments.run / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    teachers = [restored(load_file(weights)) for weights in arguments.weights]
    sets = read_train(arguments.data)
    rng = random.Random(1)  # noqa: S311 - nothing secret is drawn
    told = {}
    for name in TAUGHT:
        texts = [re.sub(r"\[NAME\]", lambda _: rng.choice(NAMES), row.text) for row in sets[name]]
        told[name] = said(teachers, [encoding.ids for encoding in tokenizer.encode_batch(texts)], name)
    save_file(told, arguments.run / "teacher.safetensors")


def said(teachers: list[Classifier], rows: list[list[int]], name: str) -> torch.Tensor:
    """Mean of the teachers' softened probabilities."""
    chunks = []
    for start in tqdm(range(0, len(rows), CHUNK), desc=name, mininterval=10.0):
        part = rows[start : start + CHUNK]
        chunks.append(torch.stack([(logits_of(teacher, part) / SOFTNESS).softmax(1) for teacher in teachers]).mean(0))
    return torch.cat(chunks)


def taught(sets: dict[str, list[Example]], file: Path) -> dict[str, list[Example]]:
    """The sets with what the teachers said of them. Raises ValueError when that was of other sets."""
    told = load_file(file)
    return sets | {
        name: [
            dataclasses.replace(row, opinion=tuple(opinion))
            for row, opinion in zip(sets[name], opinions.tolist(), strict=True)
        ]
        for name, opinions in told.items()
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--run", type=Path, required=True, help="folder of tokenizer.json, and of what is written")
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="weights of earlier runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
