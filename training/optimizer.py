"""AdamW with a learning rate for each layer."""

import torch

from training.encoder import Classifier
from training.settings import Settings


def optimizer_for(model: Classifier, settings: Settings) -> torch.optim.AdamW:
    """Its groups hold their peak learning rate as `peak`."""
    return torch.optim.AdamW(parameter_groups(model, settings), betas=(0.9, 0.98), fused=True)


def parameter_groups(model: Classifier, settings: Settings) -> list[dict[str, object]]:
    """Lower layers learn slower; biases and normalisations do not decay."""
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        groups.setdefault((depth(name, model.shape.layers), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak": settings.learning_rate * settings.layer_decay**below,
            "weight_decay": settings.weight_decay if decays else 0.0,
        }
        for (below, decays), parameters in groups.items()
    ]


def depth(name: str, layers: int) -> int:
    """How many layers lie above a parameter."""
    if name.startswith("head."):
        return 0
    return layers - int(name.split(".")[1]) if name.startswith("layers.") else layers + 1
