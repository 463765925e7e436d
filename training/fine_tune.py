"""Fine-tunes the encoder on a folder of labelled sets.

    python -m training.fine_tune --data DATA --encoder FOLDER --run RUN --minutes 60
    python -m training.fine_tune --data DATA --start RUN/best.safetensors --run RUN2 --steps 3000 …

The learning rate rises, then falls to nothing at the end of the budget, which is a number of minutes or of steps. A run
writes checkpoints and takes up where it was when it is called again. It keeps the weights, averaged over the last
steps, that are best on the dev sets (`best.safetensors`) and those of its end (`last.safetensors`), and a record:
settings, data, curves.
"""

import argparse
import copy
import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from training import foreign, identities, soft_labels
from training import teacher as earlier_runs
from training.alterations import altered
from training.budget import Budget, schedule
from training.calibration import Calibration, build_in, read_calibration
from training.corpus import Batch, Corpus, Recipe, Row
from training.datasets import DEV, TRAIN, Example, checksum, path, read_dev, read_train
from training.dev_scores import DevScores
from training.encoder import Classifier, Shape, load_published, restored
from training.half_precision import half_precision
from training.labels import LABELS
from training.optimizer import optimizer_for
from training.padding import padded
from training.run_record import RunRecord
from training.settings import Settings
from training.tokenizer import smaller


class FineTuning:
    """A run: model, optimiser, and where it stands in its data."""

    def __init__(self, model: Classifier, corpus: Corpus, settings: Settings, budget: Budget, file: Path) -> None:
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._guide = copy.deepcopy(model).to(self._device).eval() if settings.altered else None
        self.model, self._corpus, self._settings, self._budget, self._file = model, corpus, settings, budget, file
        model.to(self._device)
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

    def _learn(self, batch: Batch) -> None:
        rate = schedule(self._budget.spent(self.step), self._settings.warm_up)
        for group in self._optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        loss = self._loss_of_rows(batch.rows)
        if batch.groups:
            loss = loss + self._loss_of_groups(batch.groups)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self.step += 1
        if self.step % 20 == 1:
            self.loss = loss.item() if self.step == 1 else 0.8 * self.loss + 0.2 * loss.item()
        if self.step % self._settings.average_every == 0:
            self._update_average()

    def _loss_of_rows(self, rows: list[Row]) -> Tensor:
        ids, mask, targets = self._tensors(rows)
        if self._guide is not None:
            count = round(len(rows) * self._settings.altered)
            # Any rows: those of a batch are in order of their length.
            chosen = torch.randperm(len(rows), device=ids.device)[:count]
            ids[chosen], mask[chosen] = altered(ids[chosen], mask[chosen])
            with torch.no_grad():
                targets[chosen] = self._logits(self._guide, ids[chosen], mask[chosen]).softmax(1)
        passes = 2 if self._settings.agreement else 1
        logits = self._logits(self.model, ids.repeat(passes, 1), mask.repeat(passes, 1)).unflatten(0, (passes, -1))
        loss = sum(functional.cross_entropy(each, targets) for each in logits) / passes
        return loss + self._settings.agreement * disagreement(logits)

    def _loss_of_groups(self, rows: list[Row]) -> Tensor:
        ids, mask, targets = self._tensors(rows)
        logits = self._logits(self.model, ids, mask)
        share = len(rows) / self._settings.batch_rows
        loss = functional.cross_entropy(logits, targets)
        return share * loss + self._settings.same_for_all * divergence(logits.unflatten(0, (-1, identities.SIZE)))

    def _tensors(self, rows: list[Row]) -> tuple[Tensor, Tensor, Tensor]:
        ids, mask = padded([row.ids for row in rows])
        targets = torch.tensor([row.target for row in rows])
        return ids.to(self._device), mask.to(self._device), targets.to(self._device)

    def _logits(self, model: Classifier, ids: Tensor, mask: Tensor) -> Tensor:
        with half_precision(self._device):
            logits: Tensor = model(ids, mask)
        return logits.float()

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


def divergence(groups: Tensor) -> Tensor:
    """How much the answers within a group differ; logits of shape [groups, texts, classes].

    The mean of the Kullback-Leibler divergences between each text's probabilities and the group's mean, both ways.
    """
    chances = groups.log_softmax(-1)
    mean = chances.exp().mean(1, keepdim=True).log()
    there = functional.kl_div(chances, mean.expand_as(chances), reduction="none", log_target=True)
    back = functional.kl_div(mean.expand_as(chances), chances, reduction="none", log_target=True)
    return (there + back).sum(-1).mean()


def disagreement(passes: Tensor) -> Tensor:
    """Mean divergence of each pass' probabilities from those of the next; logits of shape [passes, rows, classes].

    Of two passes with different dropout it is R-Drop's (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural
    Networks"), the mean of the Kullback-Leibler divergences in both directions; of one pass it is 0.
    """
    chances = passes.log_softmax(-1)
    return functional.kl_div(chances, chances.roll(1, 0), reduction="none", log_target=True).sum(-1).mean()


def main() -> None:
    """See the module."""
    arguments = parse()
    settings, recipe = settings_of(arguments), recipe_of(arguments)
    torch.manual_seed(settings.seed)
    torch.set_num_threads(settings.threads)
    run: Path = arguments.run
    run.mkdir(parents=True, exist_ok=True)
    calibration = read_calibration(arguments.calibration) if arguments.calibration else Calibration()
    model, tokenizer = beginning(arguments, run, calibration)
    sets = read_train(arguments.data)
    if arguments.teacher:
        sets = with_opinions_of(arguments.teacher, sets, arguments.data, calibration)
    languages = foreign.read(arguments.foreign_words) if arguments.foreign_words else []
    corpus = Corpus(sets, tokenizer, recipe, settings.seed, languages)
    dev = DevScores(read_dev(arguments.data), tokenizer, recipe.max_tokens)
    data = {part: checksum(path(arguments.data, part)) for part in sorted({*TRAIN.values(), *DEV.values()})}
    record = RunRecord(run, {
        "settings": dataclasses.asdict(settings), "recipe": dataclasses.asdict(recipe),
        "rows": {name: len(rows) for name, rows in sets.items()}, "sha256": data, "torch": torch.__version__,
        "start": checksum(arguments.start) if arguments.start else "the published encoder",
        "calibration": dataclasses.asdict(calibration),
        "teacher": checksum(arguments.teacher) if arguments.teacher else "none",
    })  # fmt: skip
    fine_tuning = FineTuning(model, corpus, settings, Budget(arguments.minutes, arguments.steps), run / "checkpoint.pt")
    fine_tuning.resume()
    train(fine_tuning, dev, record, settings, run)


def with_opinions_of(
    teacher: Path, sets: dict[str, list[Example]], data: Path, calibration: Calibration
) -> dict[str, list[Example]]:
    """The sets with what bigger teachers (.npz) or earlier runs (.safetensors) said of them."""
    if teacher.suffix == ".npz":
        return soft_labels.taught(sets, teacher, data, calibration.offsets)
    return earlier_runs.taught(sets, teacher)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """How to learn."""
    names = {field.name for field in dataclasses.fields(Settings)}
    return Settings(**{name: value for name, value in vars(arguments).items() if name in names})


def recipe_of(arguments: argparse.Namespace) -> Recipe:
    """What to learn from."""
    return Recipe(
        rates=Recipe().rates | dict(arguments.rate),
        class_weight_powers=dict(arguments.class_weight_power),
        unreadable=arguments.unreadable,
        foreign=arguments.foreign,
        constructed=arguments.constructed,
        groups=arguments.groups,
        teacher_share=arguments.teacher_share,
    )


def beginning(arguments: argparse.Namespace, run: Path, calibration: Calibration) -> tuple[Classifier, Tokenizer]:
    """The published encoder, or an earlier run's weights with their calibration; and the tokenizer, put into it."""
    if arguments.encoder:
        kept_rows = smaller(arguments.encoder / "tokenizer.json", run / "tokenizer.json")
        model = Classifier(Shape(len(kept_rows), len(LABELS)))
        load_published(model, load_file(arguments.encoder / "model.safetensors"), torch.tensor(kept_rows))
    if arguments.start:
        if not arguments.encoder:
            shutil.copyfile(arguments.start.parent / "tokenizer.json", run / "tokenizer.json")
        model = restored({name: value.float() for name, value in load_file(arguments.start).items()})
        if not arguments.calibrated_start:
            build_in(model, calibration)
    return model, Tokenizer.from_file(str(run / "tokenizer.json"))


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
    averaged = copy.deepcopy(fine_tuning.model)
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
    parser.add_argument("--encoder", type=Path, help="folder of model.safetensors and tokenizer.json as published")
    parser.add_argument("--start", type=Path, help="or weights of an earlier run, with its tokenizer.json beside them")
    parser.add_argument("--calibration", type=Path, help="of --start and of the teacher; what `calibrate` wrote")
    parser.add_argument("--calibrated-start", action="store_true", help="--start has its calibration built in already")
    parser.add_argument("--run", type=Path, required=True, help="folder for checkpoints, weights and the record")
    parser.add_argument("--minutes", type=float, default=60.0, help="budget (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="budget in steps instead, to repeat a run")
    for name in ("seed", "batch_rows", "threads", "evaluate_every"):
        parser.add_argument(option(name), type=int, default=getattr(Settings, name), help="see Settings")
    for name in ("learning_rate", "agreement", "same_for_all", "altered"):
        parser.add_argument(option(name), type=float, default=getattr(Settings, name), help="see Settings")
    parser.add_argument("--rate", type=by_set, action="append", default=[], help="SET=SHARE of its rows in an epoch")
    parser.add_argument("--class-weight-power", type=by_set, action="append", default=[], help="SET=POWER; see Recipe")
    for name, usual in (("unreadable", 3000), ("foreign", 0), ("constructed", 0), ("groups", 0)):
        parser.add_argument(option(name), type=int, default=usual, help="see Recipe")
    parser.add_argument("--foreign-words", type=Path, help="folder of the package wordfreq, for --foreign")
    parser.add_argument("--teacher", type=Path, help="soft labels (.npz), or what `teacher` wrote")
    parser.add_argument("--teacher-share", type=float, default=0.7, help="see Recipe")
    return parser.parse_args()


def option(name: str) -> str:
    """As it is written on a command line."""
    return f"--{name.replace('_', '-')}"


def by_set(argument: str) -> tuple[str, float]:
    """`SET=NUMBER`. Raises ValueError."""
    name, _, number = argument.partition("=")
    return name, float(number)


if __name__ == "__main__":
    main()
