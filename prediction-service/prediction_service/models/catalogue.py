"""Which models take requests, and which of them takes a given one."""

import asyncio
from collections.abc import Mapping

import structlog
from prometheus_client import Gauge

from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.model import Model
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, Problem

LOADED = Gauge("prediction_models", "Versions of models that take requests")

log = structlog.get_logger()


class ModelNotFound(Problem):
    """No loaded model has this name and version, or does this task."""

    status = 404
    type = "urn:problem-type:model-not-found"
    title = "Model Not Found"


class Catalogue:
    """The loaded models. Only `replace` changes it, on the event loop."""

    def __init__(self, default_name: str) -> None:
        self.default_name = default_name
        self._models: dict[ModelFolder, Model] = {}
        self._newest: dict[str, Model] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def choose(self, name: str | None, version: str | None = None, task: str | None = None) -> Model:
        """The model for a request: by name, in the newest version unless the request names one.

        Without a name and a version: the default model; or, if a task is named that the default model does not do,
        the first model by name that does it.

        Raises ModelNotFound, and InvalidRequest when the named model does another task.
        """
        if name is None and version is None:
            return self._choose_by_task(task)
        name = name or self.default_name
        model = self._newest.get(name) if version is None else self._find(name, version)
        if model is None:
            raise self._not_found(name, version)
        if task not in {None, model.manifest.task_type}:
            message = f"model {name} does {model.manifest.task_type}"
            raise InvalidRequest([FieldError(location="body.task_type", message=message)])
        return model

    def _choose_by_task(self, task: str | None) -> Model:
        default = self._newest.get(self.default_name)
        if default is not None and task in {None, default.manifest.task_type}:
            return default
        if task is None:
            raise ModelNotFound(f"The default model {self.default_name!r} is not loaded.")
        for name in sorted(self._newest):
            if self._newest[name].manifest.task_type == task:
                return self._newest[name]
        raise ModelNotFound(f"No loaded model does {task!r}.")

    def _find(self, name: str, version: str) -> Model | None:
        return next((model for model in self._models.values() if (model.name, model.version) == (name, version)), None)

    def _not_found(self, name: str, version: str | None) -> ModelNotFound:
        """Lists the loaded versions if the model has any."""
        if version is None or name not in self._newest:
            return ModelNotFound(f"No model {name!r} is loaded.")
        versions = [model.version for model in self.models() if model.name == name]
        return ModelNotFound(
            f"No model {name!r} of version {version!r} is loaded; there is {', '.join(versions)}.",
            loaded_versions=versions,
        )

    def models(self) -> list[Model]:
        """All loaded versions: the default model first, then by name, the newest version first."""
        newest_first = sorted(self._models, key=lambda folder: folder.precedence, reverse=True)
        by_name = sorted(newest_first, key=lambda folder: (folder.name != self.default_name, folder.name))
        return [self._models[folder] for folder in by_name]

    def has_default(self) -> bool:
        """Whether requests that name no model can be served."""
        default = self._newest.get(self.default_name)
        return default is not None and not default.batcher.unavailable

    def replace(self, models: Mapping[ModelFolder, Model]) -> None:
        """From now on exactly these models take requests. Those that are left out finish what they have, then close."""
        retired = [model for folder, model in self._models.items() if models.get(folder) is not model]
        self._models = dict(models)
        self._newest = {folder.name: models[folder] for folder in sorted(models, key=lambda folder: folder.precedence)}
        LOADED.set(len(models))
        for model in retired:
            log.info("model retired", model=model.name, version=model.version)
            closing = asyncio.create_task(model.batcher.close(), name=f"retire {model.name} {model.version}")
            self._retiring.add(closing)
            closing.add_done_callback(self._retiring.discard)

    async def close(self) -> None:
        """Retires all models and returns when they have finished."""
        self.replace({})
        await asyncio.gather(*self._retiring)
