"""What a run can be told besides its data; see `corpus.Recipe` for those."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What a run can be told."""

    seed: int = 1
    batch_rows: int = 32
    learning_rate: float = 8e-5
    agreement: float = 0.0
    """How much it counts that two passes with different dropout say the same of a text (at 0 there is but one pass)."""
    layer_decay: float = 0.92
    """Each layer learns this much slower than the one above it."""
    weight_decay: float = 0.01
    warm_up: float = 0.05
    """Share of the budget."""
    average_decay: float = 0.999
    """Of the weights' moving average, a step."""
    average_every: int = 10
    """Steps between two updates of the average."""
    evaluate_every: int = 1000
    """Steps between two looks at the dev sets."""
    checkpoint_every: int = 500
    """Steps between two checkpoints."""
    patience: int = 5
    """So many evaluations without a better one end the run."""
    same_for_all: float = 0.0
    """How much it counts that texts which differ in who is meant get the same answer."""
    altered: float = 0.0
    """Share of the batch that is altered (`alterations`) and learns what the start says of that."""
    threads: int = 2
