"""What a run is judged by while it goes on: each dev set's usual figure, and their mean."""

import torch
from sklearn.metrics import accuracy_score, f1_score, recall_score
from tokenizers import Tokenizer
from torch import nn

from training.datasets import Example
from training.half_precision import half_precision
from training.labels import LABELS, NEUTRAL
from training.metrics import two_class
from training.padding import padded

MOST_ROWS = 1500
"""Of each set; a run must not spend its time on looking at itself."""

CHOSEN_BY = ("sst2", "sst3", "tweeteval", "goemotions3", "dynasent-r1", "dynasent-r2")


class DevScores:
    """Tokenised dev sets."""

    def __init__(self, sets: dict[str, list[Example]], tokenizer: Tokenizer, max_tokens: int) -> None:
        self._sets = {name: rows[:: max(1, len(rows) // MOST_ROWS)] for name, rows in sets.items()}
        tokenizer.enable_truncation(max_tokens)
        self._ids = {
            name: [encoding.ids for encoding in tokenizer.encode_batch([row.text for row in rows])]
            for name, rows in self._sets.items()
        }
        tokenizer.no_truncation()

    def of(self, model: nn.Module) -> dict[str, float]:
        """Set → score, and `mean` over those that choose."""
        scores = {}
        for name, rows in self._sets.items():
            scores[name] = score([row.label for row in rows], logits_of(model, self._ids[name]), name)
        return scores | {"mean": sum(scores[name] for name in CHOSEN_BY) / len(CHOSEN_BY)}


def score(truth: list[int], logits: torch.Tensor, name: str) -> float:
    """Accuracy where there are two classes, macro-recall for TweetEval, macro-F1 for the others."""
    if NEUTRAL not in truth:
        return float(accuracy_score(truth, two_class(logits.numpy())))
    chosen = logits.argmax(1).numpy()
    if name == "tweeteval":
        return float(recall_score(truth, chosen, average="macro"))
    return float(f1_score(truth, chosen, average="macro"))


def logits_of(model: nn.Module, rows: list[list[int]]) -> torch.Tensor:
    """In batches of similar length."""
    model.eval()
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    logits = torch.empty(len(rows), len(LABELS))
    device = next(model.parameters()).device
    size = 64 if device.type == "cpu" else 512
    with torch.inference_mode(), half_precision(device):
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            ids, mask = padded([rows[index] for index in chosen])
            logits[torch.tensor(chosen)] = model(ids.to(device), mask.to(device)).float().cpu()
    return logits
