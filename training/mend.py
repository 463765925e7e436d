"""A short polish of a released model that a CPU can do: names that decide a label, and little else.

    python -m training.mend --data DATA --start RUN --run RUN2 --steps 499

It looks for forms that the start judges differently for different names (`divided`), and learns from the worst of them
that a name changes nothing; beside it, what is to be said of other texts (`material`), so that this stays. Only the
lower layers learn: names and what is done meet there. RUN2/at<steps>.safetensors are means of the last steps' weights;
which of them, and how much of the start's with them (`soup`), is chosen by the dev sets.
"""

import argparse
import dataclasses
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training import foreign, identities
from training.budget import Budget, schedule
from training.corpus import smooth, unreadable
from training.datasets import Example, checksum, read_train
from training.dev_scores import logits_of
from training.divided import divided, ids_of
from training.encoder import Classifier, restored
from training.fine_tune import divergence
from training.material import STRANGE, Anchor, Material, Plan, drawn, label_of
from training.optimizer import optimizer_for
from training.padding import padded
from training.settings import Settings

AVERAGE_DECAY = 0.99
"""Of the weights' moving average, a step."""

LEARNING = ("embeddings.LayerNorm.", "layers.0.", "layers.1.", "layers.2.")
"""Beginnings of the names of what learns."""

FOREIGN_SHARE = 0.6
"""Of the texts that are no English, where there are lists of words of other languages."""

ROWS_AT_ONCE = 20
"""Of like length, so that little is padding."""


def anchors_of(model: Classifier, tokenizer: Tokenizer, name: str, rows: list[Example], plan: Plan) -> list[Anchor]:
    """What the network says of a set's texts, and so much of their labels."""
    ids = [row[: plan.anchor_tokens] for row in ids_of(tokenizer, [row.text for row in rows])]
    said = logits_of(model, ids).softmax(1)
    labels = torch.tensor([smooth(label_of(row), plan.label_smoothing) for row in rows])
    targets = torch.lerp(said, labels, plan.labelled.get(name, 0.0))
    return [Anchor(own, tuple(target)) for own, target in zip(ids, targets.tolist(), strict=True)]


def strange_texts(words: Path | None, count: int, rng: random.Random) -> list[Example]:
    """Letters at random and, where there are lists of words, other languages."""
    languages = foreign.read(words) if words else []
    texts = [
        rng.choice(languages).text(rng) if languages and rng.random() < FOREIGN_SHARE else unreadable(rng)
        for _ in range(count)
    ]
    return [Example(text, None) for text in texts]


class Mending:
    """The run: a network whose lower layers learn, and the mean of its last weights."""

    def __init__(self, model: Classifier, tokenizer: Tokenizer, plan: Plan, settings: Settings) -> None:
        self._model, self._tokenizer, self._plan, self._settings = model, tokenizer, plan, settings
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(requires_grad=name.startswith(LEARNING))
        self._optimizer = optimizer_for(model, settings)
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def run(self, material: Material, budget: Budget) -> Iterator[dict[str, float]]:
        """Trains to the end of the budget; gives the parts of the loss after every step."""
        # Without dropout: what the network says may then be compared to what it said before it learned anything.
        self._model.eval()
        step = 0
        while (spent := budget.spent(step)) < 1.0:
            for group in self._optimizer.param_groups:
                group["lr"] = group["peak"] * schedule(spent, self._settings.warm_up)
            parts = self._parts(material)
            loss: Tensor = sum(parts.values(), torch.zeros(()))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            step += 1
            self._update_average(step)
            yield {name: part.item() for name, part in parts.items()}

    def _parts(self, material: Material) -> dict[str, Tensor]:
        """What counts in a step, weighted."""
        plan, groups, sentences, anchors = self._plan, material.groups(), material.sentences(), material.anchors()
        texts = [text for group, _ in groups for text in group]
        logits = self._logits(ids_of(self._tokenizer, [*texts, *(one.text for one in sentences)]))
        of_groups, of_sentences = logits.split([len(texts), len(sentences)])
        labels = self._targets([label for group, label in groups for _ in group])
        drift = functional.kl_div(
            self._logits([one.ids for one in anchors]).log_softmax(1),
            torch.tensor([one.target for one in anchors]),
            reduction="batchmean",
        )
        own = functional.cross_entropy(of_sentences, self._targets([label_of(one) for one in sentences]))
        return {
            "same": plan.same_weight * divergence(of_groups.unflatten(0, (-1, identities.SIZE))),
            "labels": plan.labels_weight * functional.cross_entropy(of_groups, labels),
            "sentences": plan.sentences_weight * own,
            "drift": plan.drift_weight * drift,
        }

    def _targets(self, labels: list[int]) -> Tensor:
        return torch.tensor([smooth(label, self._plan.label_smoothing) for label in labels])

    def _logits(self, rows: list[list[int]]) -> Tensor:
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        parts = [order[first : first + ROWS_AT_ONCE] for first in range(0, len(order), ROWS_AT_ONCE)]
        logits = torch.cat([self._model(*padded([rows[index] for index in part])) for part in parts])
        return logits[torch.tensor(order).argsort()]

    def _update_average(self, step: int) -> None:
        decay = min(AVERAGE_DECAY, step / (step + 20))
        with torch.no_grad():
            for name, value in self._model.state_dict().items():
                if name.startswith(LEARNING):
                    self.average[name].lerp_(value, 1 - decay)


def main() -> None:
    """See the module."""
    arguments = parse()
    settings = Settings(
        seed=arguments.seed, learning_rate=arguments.learning_rate, layer_decay=0.9, threads=arguments.threads
    )
    plan, rng, run = Plan(), random.Random(settings.seed), arguments.run  # noqa: S311 - nothing secret is drawn
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    run.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.start / "tokenizer.json", run / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    model = restored(load_file(arguments.start / "best.safetensors"))
    found = divided(model, tokenizer, plan.looked_at, rng)[: plan.kept]
    strange = strange_texts(arguments.foreign_words, plan.anchors[STRANGE] * plan.anchor_rows, rng)
    sets = {**read_train(arguments.data), STRANGE: strange}
    anchors = {name: anchors_of(model, tokenizer, name, rows, plan) for name, rows in drawn(sets, plan, rng).items()}
    mending, losses = Mending(model, tokenizer, plan, settings), []
    for losses_of_step in tqdm(
        mending.run(Material(found, anchors, plan, rng), Budget(arguments.minutes, arguments.steps)),
        unit=" steps", mininterval=30.0,
    ):  # fmt: skip
        losses.append(losses_of_step)
        if len(losses) % arguments.save_every == 0:
            save_file(mending.average, run / f"at{len(losses)}.safetensors")
    save_file(mending.average, run / "last.safetensors")
    record = {
        "settings": dataclasses.asdict(settings), "plan": dataclasses.asdict(plan), "steps": len(losses),
        "start": checksum(arguments.start / "best.safetensors"),
        "torch": torch.__version__, "divided": [dataclasses.asdict(one) for one in found], "losses": losses,
    }  # fmt: skip
    (run / "record.json").write_text(json.dumps(record, indent=1), encoding="utf-8")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--start", type=Path, required=True, help="folder of best.safetensors and tokenizer.json")
    parser.add_argument("--run", type=Path, required=True, help="folder for weights and the record")
    parser.add_argument("--minutes", type=float, default=35.0, help="budget (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="budget in steps instead, to repeat a run")
    parser.add_argument("--save-every", type=int, default=150, help="steps between weights that are kept")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=4e-5)
    parser.add_argument("--foreign-words", type=Path, help="folder of the package wordfreq")
    return parser.parse_args()


if __name__ == "__main__":
    main()
