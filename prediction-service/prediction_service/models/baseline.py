"""`baseline.json` beside a model: how its inputs and outputs were distributed when it was made.

It is for reports on drift; a file that cannot be used costs the model nothing but those.
"""

from pathlib import Path
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.plain_files import read_plain
from prediction_service.signature.bins import InputBins
from shared.contracts.baseline import MAX_BASELINE_BYTES, ModelBaseline
from shared.contracts.faults import in_words

FILE_NAME = "baseline.json"

log = structlog.get_logger()


class Baseline(NamedTuple):
    """What was counted, and the bins of the inputs; None where no input has any."""

    counts: ModelBaseline
    bins: InputBins | None


def read_baseline(folder: Path, manifest: Manifest) -> Baseline | None:
    """The baseline of a model's folder; None, with a warning, if it cannot be used, and None if there is none."""
    file = folder / FILE_NAME
    try:
        content = read_plain(file, MAX_BASELINE_BYTES + 1)
        if len(content) > MAX_BASELINE_BYTES:
            raise ValueError(f"larger than {MAX_BASELINE_BYTES} bytes")
        counts = ModelBaseline.model_validate_json(content)
        return Baseline(counts, InputBins(manifest.signature, counts.inputs) if counts.inputs else None)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = in_words(error.errors(include_url=False)[0]) if isinstance(error, ValidationError) else str(error)
        log.warning("baseline ignored", file=str(file), reason=reason)
        return None
