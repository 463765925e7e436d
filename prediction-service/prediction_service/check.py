"""Would the service serve this folder? For whoever asks without a running service: `modelserver check`."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.contents import digest_of, stat_entry
from prediction_service.models.folders.listing import NAME, VERSION, FolderList, add_versions, folders_in, list_folders
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import FILE_NAME, ManifestError, read_cheaply
from prediction_service.models.folders.plain_files import is_file, read_plain
from prediction_service.models.trials.golden import golden_rows
from prediction_service.models.trials.runner import TrialBounds, Trials
from shared.contracts.baseline import MAX_BASELINE_BYTES, ModelBaseline

BASELINE = "baseline.json"

FILES_TO_MEMORY = 8
"""How many times larger than a model's memory its folder may be, as for the service."""


class Verdict(NamedTuple):
    """What is found about one folder."""

    path: Path
    fault: str = ""
    """Why it would not be served; empty if it would."""
    summary: str = ""
    """What would be served."""
    notes: Sequence[str] = ()
    """What its author should know although it would be served."""


def check(path: Path, *, seconds: float, memory_bytes: int, environments: Path) -> Iterator[Verdict]:
    """A verdict on every version in `path`, which is a version's folder, a model's, or a whole repository."""
    bounds = TrialBounds(seconds, memory_bytes, environments)
    if is_file(path / FILE_NAME):
        yield verdict_on(path, bounds, notes_on_names(path.absolute()))
        return
    try:
        found, root = listed(path)
    except OSError as error:
        yield Verdict(path, f"cannot be read: {error.strerror}")
        return
    if found.fault or not (found.models or found.misnamed):
        yield Verdict(path, found.fault or f"has no {FILE_NAME}, and no folders of models or of versions")
    for name, fault in sorted(found.misnamed.items()):
        yield Verdict(root / name, fault)
    for folder in sorted(found.models, key=lambda folder: (folder.name, folder.precedence)):
        yield verdict_on(folder.path, bounds, [])


def listed(path: Path) -> tuple[FolderList, Path]:
    """The versions in a model's folder or in a repository, and the repository. Raises OSError."""
    if not any(VERSION.fullmatch(entry.name) for entry in folders_in(path)):
        return list_folders(path), path
    found, model = FolderList(), path.absolute()
    if NAME.fullmatch(model.name):
        add_versions(found, stat_entry(path, model.name))
    else:
        found.misnamed[model.name] = "a model's name has letters, digits, '.', '_' and '-', at most 100"
    return found, path.parent


def notes_on_names(path: Path) -> list[str]:
    """What is wrong with the names of a version's folder and of its model's."""
    if VERSION.fullmatch(path.name) and NAME.fullmatch(path.parent.name):
        return []
    return ["to be served it must be called models/<name>/<X.Y.Z>, such as models/churn/1.0.0"]


def verdict_on(path: Path, bounds: TrialBounds, notes: Sequence[str]) -> Verdict:
    """Tries one version as the service does before it serves it."""
    try:
        manifest = asyncio.run(tried(path, bounds))
        golden = len(golden_rows(path, manifest.signature))
    except (ManifestError, ModelError) as error:
        return Verdict(path, str(error), notes=notes)
    return Verdict(path, "", summary_of(manifest, golden), [*notes, *notes_on_baseline(path)])


async def tried(path: Path, bounds: TrialBounds) -> Manifest:
    """The manifest of a folder that passes its trial. Raises ManifestError and ModelError."""
    read_cheaply(path)
    digest = await asyncio.to_thread(digest_of, path, bounds.seconds, FILES_TO_MEMORY * bounds.memory_bytes)
    return await Trials(bounds).run(path, digest, lambda: None)


def notes_on_baseline(path: Path) -> list[str]:
    """Why `baseline.json` is left out, if it is."""
    try:
        content = read_plain(path / BASELINE, MAX_BASELINE_BYTES + 1)
        if len(content) > MAX_BASELINE_BYTES:
            return [f"{BASELINE} is left out: it is larger than {MAX_BASELINE_BYTES:,} bytes"]
        ModelBaseline.model_validate_json(content)
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"{BASELINE} is left out: {error.strerror}"]
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, fault["loc"]))
        return [f"{BASELINE} is left out: {place}{': ' if place else ''}{fault['msg']}"]
    return []


def summary_of(manifest: Manifest, golden: int) -> str:
    """What is served, in a few words."""
    inputs = len(manifest.inputs)
    taken = "one text" if not inputs else f"{inputs} input{'s' if inputs > 1 else ''}"
    rows = f"{golden} golden row{'s' if golden != 1 else ''}" if golden else "no golden rows"
    return f"{manifest.task_type} of {taken}, {manifest.runtime.kind}, {rows}"
