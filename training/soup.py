"""One network out of several that learned from the same beginning: the mean of their weights.

    python -m training.soup --weights A.safetensors B.safetensors --run RUN [--data DATA]

Writes RUN/best.safetensors, and with DATA the dev scores of each and of the mean in RUN/soup.json. Runs that began at
the same weights stay close enough for their mean to be right more often than any of them.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from training.corpus import Recipe
from training.datasets import checksum, read_dev
from training.dev_scores import DevScores
from training.encoder import restored


def main() -> None:
    """See the module."""
    arguments = parse()
    torch.set_num_threads(2)
    ingredients = [load_file(file) for file in arguments.weights]
    mixed = mean(ingredients)
    save_file(mixed, arguments.run / "best.safetensors")
    if not arguments.data:
        return
    tokenizer = Tokenizer.from_file(str(arguments.run / "tokenizer.json"))
    dev = DevScores(read_dev(arguments.data), tokenizer, Recipe().max_tokens)
    record = {
        "ingredients": [
            {"sha256": checksum(file), "scores": dev.of(restored(weights))}
            for file, weights in zip(arguments.weights, ingredients, strict=True)
        ],
        "soup": dev.of(restored(mixed)),
    }
    (arguments.run / "soup.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(json.dumps(record["soup"]))  # noqa: T201 - what the command is for


def mean(ingredients: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Every parameter's mean."""
    return {name: torch.stack([weights[name] for weights in ingredients]).mean(0) for name in ingredients[0]}


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, nargs="+", required=True, help="best weights of several runs")
    parser.add_argument("--run", type=Path, required=True, help="folder of tokenizer.json, and of what is written")
    parser.add_argument("--data", type=Path, help="folder of <set>/<part>.tsv.gz, for the scores")
    return parser.parse_args()


if __name__ == "__main__":
    main()
