"""Fine-tunes the encoder on a folder of labelled sets.

    python -m training.fine_tune --data DATA --encoder FOLDER --run RUN --minutes 60

The learning rate rises, then falls to nothing at the end of the budget, which is a number of minutes or of steps. A run
writes checkpoints and takes up where it was when it is called again. It keeps the weights, averaged over the last
steps, that are best on the dev sets (`best.safetensors`) and those of its end (`last.safetensors`), and a record:
settings, data, curves.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch.nn import functional
from tqdm import tqdm

from training.budget import Budget, schedule
from training.corpus import Corpus, Recipe, Row
from training.datasets import DEV, TRAIN, checksum, path, read_dev, read_train
from training.dev_scores import DevScores
from training.encoder import Classifier, Shape, load_published
from training.labels import LABELS
from training.optimizer import optimizer_for
from training.padding import padded
from training.run_record import RunRecord
from training.settings import Settings
from training.teacher import taught
from training.tokenizer import smaller


class FineTuning:
    """A run: model, optimiser, and where it stands in its data."""

    def __init__(self, model: Classifier, corpus: Corpus, settings: Settings, budget: Budget, file: Path) -> None:
        self.model, self._corpus, self._settings, self._budget, self._file = model, corpus, settings, budget, file
        self.average = {name: value.detach().clone() for name, value in model.state_dict().items()}
        self._optimizer = optimizer_for(model, settings)
        self.step, self._epoch, self._batch = 0, 0, 0
        self.loss = float("nan")

    @property
    def epochs(self) -> float:
        """How many epochs' worth of steps were made."""
        return self._epoch + self._batch / max(1, len(self._batches))

    def run(self) -> Iterator["FineTuning"]:
        """Trains to the end of the budget; gives itself after every step."""
        while True:
            self._batches = self._corpus.epoch(self._epoch, self._settings.batch_rows)
            while self._batch < len(self._batches):
                if self._budget.spent(self.step) >= 1.0:
                    return
                self._learn(self._batches[self._batch])
                self._batch += 1
                yield self
            self._epoch, self._batch = self._epoch + 1, 0

    def _learn(self, rows: list[Row]) -> None:
        rate = schedule(self._budget.spent(self.step), self._settings.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        ids, mask = padded([row.ids for row in rows])
        passes = 2 if self._settings.agreement else 1
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(ids.repeat(passes, 1), mask.repeat(passes, 1)).float().unflatten(0, (passes, -1))
        targets, weights = torch.tensor([row.target for row in rows]), torch.tensor([row.weight for row in rows])
        loss = sum((functional.cross_entropy(each, targets, reduction="none") * weights).mean() for each in logits)
        loss = loss / passes + self._settings.agreement * disagreement(logits)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.loss = loss.item() if self.step == 1 else 0.99 * self.loss + 0.01 * loss.item()
        if self.step % self._settings.average_every == 0:
            self._update_average()

    def _update_average(self) -> None:
        # Early on the average is that of few steps, so that it does not drag the beginning along.
        decay = min(self._settings.average_decay, self.step / (self.step + 100)) ** self._settings.average_every
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                self.average[name].lerp_(value, 1 - decay)

    def save(self) -> None:
        """Everything that is needed to go on."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self._optimizer.state_dict(),
            "place": (self.step, self._epoch, self._batch, self.loss),
            "seconds": self._budget.seconds(),
            "random": torch.get_rng_state(),
        }
        torch.save(state, self._file.with_suffix(".part"))
        self._file.with_suffix(".part").replace(self._file)

    def resume(self) -> None:
        """Goes back to the checkpoint, if there is one."""
        if not self._file.exists():
            return
        state = torch.load(self._file, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self._epoch, self._batch, self.loss = state["place"]
        self._budget.resume(state["seconds"])
        torch.set_rng_state(state["random"])


def disagreement(passes: torch.Tensor) -> torch.Tensor:
    """Mean divergence of each pass' probabilities from those of the next; logits of shape [passes, rows, classes].

    Of two passes with different dropout it is R-Drop's (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural
    Networks"), the mean of the Kullback-Leibler divergences in both directions; of one pass it is 0.
    """
    chances = passes.log_softmax(-1)
    return functional.kl_div(chances, chances.roll(1, 0), reduction="none", log_target=True).sum(-1).mean()


def main() -> None:
    """See the module."""
    arguments = parse()
    settings = Settings(seed=arguments.seed, learning_rate=arguments.learning_rate, agreement=arguments.agreement)
    recipe = Recipe(
        rates=Recipe().rates | dict(arguments.rate),
        class_weight_powers=dict(arguments.class_weight_power),
        unreadable=arguments.unreadable,
        constructed=arguments.constructed,
    )
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    run: Path = arguments.run
    run.mkdir(parents=True, exist_ok=True)
    kept_rows = smaller(arguments.encoder / "tokenizer.json", run / "tokenizer.json")
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    model = Classifier(Shape(len(kept_rows), len(LABELS)))
    load_published(model, load_file(arguments.encoder / "model.safetensors"), torch.tensor(kept_rows))
    if arguments.start:
        model.load_state_dict(load_file(arguments.start))
    sets = read_train(arguments.data)
    if arguments.teacher:
        sets = taught(sets, arguments.teacher)
    corpus = Corpus(sets, tokenizer, recipe, settings.seed)
    dev = DevScores(read_dev(arguments.data), tokenizer, recipe.max_tokens)
    data = {part: checksum(path(arguments.data, part)) for part in sorted({*TRAIN.values(), *DEV.values()})}
    record = RunRecord(run, {
        "settings": dataclasses.asdict(settings), "recipe": dataclasses.asdict(recipe),
        "rows": {name: len(rows) for name, rows in sets.items()}, "sha256": data, "torch": torch.__version__,
        "start": checksum(arguments.start) if arguments.start else "the published encoder",
        "teacher": checksum(arguments.teacher) if arguments.teacher else "none",
    })  # fmt: skip
    fine_tuning = FineTuning(model, corpus, settings, Budget(arguments.minutes, arguments.steps), run / "checkpoint.pt")
    fine_tuning.resume()
    train(fine_tuning, dev, record, settings, run)


def train(fine_tuning: FineTuning, dev: DevScores, record: RunRecord, settings: Settings, run: Path) -> None:
    """The loop: learn, look at the dev sets now and then, keep what is best."""
    progress = tqdm(initial=fine_tuning.step, unit=" steps", mininterval=10.0)
    for _ in fine_tuning.run():
        progress.update()
        progress.set_postfix(loss=f"{fine_tuning.loss:.3f}", epochs=f"{fine_tuning.epochs:.2f}", refresh=False)
        if fine_tuning.step % settings.checkpoint_every == 0:
            fine_tuning.save()
        if fine_tuning.step % settings.evaluate_every == 0:
            evaluate(fine_tuning, dev, record, run)
            if record.evaluations_since_best() >= settings.patience:
                break
    evaluate(fine_tuning, dev, record, run)
    save_file(fine_tuning.average, run / "last.safetensors")
    record.finish()


def evaluate(fine_tuning: FineTuning, dev: DevScores, record: RunRecord, run: Path) -> None:
    """Scores the averaged weights and keeps them when none were better."""
    averaged = Classifier(fine_tuning.model.shape)
    averaged.load_state_dict(fine_tuning.average)
    scores = dev.of(averaged)
    best = record.add(fine_tuning.step, fine_tuning.epochs, fine_tuning.loss, scores)
    tqdm.write(json.dumps({name: round(score, 4) for name, score in scores.items()}))
    if best:
        save_file(fine_tuning.average, run / "best.safetensors")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of <set>/<part>.tsv.gz")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of model.safetensors and tokenizer.json")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints, weights and the record")
    parser.add_argument("--minutes", type=float, default=60.0, help="budget (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="budget in steps instead, to repeat a run")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--learning-rate", type=float, default=Settings.learning_rate)
    parser.add_argument("--agreement", type=float, default=Settings.agreement, help="see Settings")
    parser.add_argument("--start", type=Path, help="weights of an earlier run, to go on from with another recipe")
    parser.add_argument("--rate", type=by_set, action="append", default=[], help="SET=SHARE of its rows in an epoch")
    parser.add_argument("--class-weight-power", type=by_set, action="append", default=[], help="SET=POWER; see Recipe")
    parser.add_argument("--unreadable", type=int, default=3000, help="see Recipe")
    parser.add_argument("--constructed", type=int, default=0, help="see Recipe")
    parser.add_argument("--teacher", type=Path, help="what `teacher` wrote, to learn from beside the labels")
    return parser.parse_args()


def by_set(argument: str) -> tuple[str, float]:
    """`SET=NUMBER`. Raises ValueError."""
    name, _, number = argument.partition("=")
    return name, float(number)


if __name__ == "__main__":
    main()
