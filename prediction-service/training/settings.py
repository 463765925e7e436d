"""What a run can be told besides its data; see `corpus.Recipe` for those."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a run can be told."""

    seed: int = 1
    batch_rows: int = 32
    learning_rate: float = 8e-5
    layer_decay: float = 0.92
    """Each layer learns this much slower than the one above it."""
    weight_decay: float = 0.01
    warm_up: float = 0.05
    """Share of the budget."""
    average_decay: float = 0.999
    """Of the weights' moving average, a step."""
    average_every: int = 10
    """Steps between two updates of the average."""
    evaluate_minutes: float = 6.0
    checkpoint_minutes: float = 4.0
    patience: int = 4
    """So many evaluations without a better one end the run."""
    threads: int = 2
