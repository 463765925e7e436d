"""Which models take requests, and which of them takes a given one: a version that is named, or else the policy's."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

import structlog
from prometheus_client import Gauge

from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.model import Model
from prediction_service.rollouts.counts import Arm
from prediction_service.rollouts.policies import InForce, Policies
from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, Problem

LOADED = Gauge("prediction_models", "Versions of models that take requests")

log = structlog.get_logger()


class ModelNotFound(Problem):
    """No loaded model has this name and version, or does this task."""

    status = 404
    type = "urn:problem-type:model-not-found"
    title = "Model Not Found"


class ModelNotReady(Problem):
    """The model is there and is being tried or loaded: soon it serves, or its folder is told as skipped."""

    status = 503
    type = "urn:problem-type:model-not-ready"
    title = "Model Not Ready"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(RETRY_SECONDS)})


class StableVersionMissing(Problem):
    """The policy's stable version is not loaded, and another one would be a change that nobody has decided."""

    status = 503
    type = "urn:problem-type:stable-version-missing"
    title = "Stable Version Missing"

    def __init__(self, name: str, version: str) -> None:
        super().__init__(
            f"The policy of {name} is to serve {version}, which is not loaded; other versions are there by name.",
            headers={"Retry-After": str(RETRY_SECONDS)},
        )


RETRY_SECONDS = 5
"""Until a version that is being loaded is there, mostly."""

SEE_MODELS = "; GET /models says which ones are loaded, and why others are not."
"""Where a name that is mistyped shows, and the reason for a folder that is skipped."""

Headers = Callable[[], Mapping[str, str]]
"""Those of a request, for a rollout that has a candidate: without one nobody asks."""


def no_headers() -> Mapping[str, str]:
    """Of who is no request."""
    return {}


@dataclass(frozen=True, slots=True)
class Arms:
    """What requests get of a canary or a shadow; made once, since what two models have in common takes looking."""

    made_of: tuple[InForce, Model, Model]
    stable: Model
    share: Model
    """For the requests that the candidate answers, or computes besides."""

    @classmethod
    def of(cls, in_force: InForce, stable: Model, candidate: Model) -> Self:
        """For these two under this policy."""
        made_of = in_force, stable, candidate
        if not in_force.is_canary:
            return cls(made_of, stable, stable.in_shadow(candidate, in_force.policy.started_at))
        instead = stable if stable.speaks_like(candidate) else None
        return cls(
            made_of,
            stable.in_canary(in_force.counts[Arm.STABLE]),
            candidate.in_canary(in_force.counts[Arm.CANDIDATE], instead),
        )

    def are_of(self, *now: object) -> bool:
        """Whether they were made of just these."""
        return all(one is other for one, other in zip(self.made_of, now, strict=True))


class Catalogue:
    """The loaded models. Only `replace` changes it, on the event loop; `policies` change by themselves."""

    def __init__(self, default_name: str, policies: Policies | None = None) -> None:
        self.default_name, self._policies = default_name, policies or Policies()
        self._models: dict[ModelFolder, Model] = {}
        self._newest: dict[str, Model] = {}
        self._versions: dict[tuple[str, str], Model] = {}
        self._misfits: dict[tuple[str, str], str] = {}
        self._coming: set[tuple[str, str]] = set()
        self._tried: set[tuple[str, str]] = set()
        self._arms: dict[str, Arms] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def choose(
        self,
        name: str | None,
        version: str | None = None,
        task: str | None = None,
        headers: Headers = no_headers,
    ) -> Model:
        """The model for a request: by name, in the version that it names, or else in that of the model's policy.

        Without a name and a version: the default model; or, if a task is named that the default model does not do,
        the first model by name that does it. By its headers a request belongs to a canary or not.

        Raises ModelNotFound, ModelNotReady, StableVersionMissing, and InvalidRequest when the named model does another
        task.
        """
        if name is None and version is None:
            return self._unnamed(self._name_by_task(task), headers)
        name = name or self.default_name
        model = self._unnamed(name, headers) if version is None else self.find(name, version)
        if task not in {None, model.manifest.task_type}:
            message = f"model {name} does {model.manifest.task_type}"
            raise InvalidRequest([FieldError(location="body.task_type", message=message)])
        return model

    def _unnamed(self, name: str, headers: Headers) -> Model:
        """The version of a model for a request that names none. Raises as `choose` does."""
        newest = self._newest.get(name)
        if newest is None:
            raise self._not_found(name, None)
        in_force = self._policies.in_force(name)
        return newest if in_force is None else self._by_policy(in_force, headers)

    def _by_policy(self, in_force: InForce, headers: Headers) -> Model:
        name = in_force.policy.model_name
        stable = self._versions.get((name, in_force.stable_version))
        if stable is None:
            raise StableVersionMissing(name, in_force.stable_version)
        if in_force.candidate_version is None:
            return stable
        candidate = self._versions.get((name, in_force.candidate_version))
        if candidate is None or self.unfit(name, candidate.version):
            return stable  # and nobody counts: there is no choice to be judged
        arms = self._arms.get(name)
        if arms is None or not arms.are_of(in_force, stable, candidate):
            arms = self._arms[name] = Arms.of(in_force, stable, candidate)
        return arms.share if in_force.wants_candidate(headers()) else arms.stable

    def _name_by_task(self, task: str | None) -> str:
        if task is None:
            if self.default_name in self._newest:
                return self.default_name
            if self.is_being_tried(self.default_name):
                raise ModelNotReady(f"The default model {self.default_name!r} is not loaded yet.")
            raise ModelNotFound(f"The default model {self.default_name!r} is not loaded{SEE_MODELS}")
        default = self._described(self.default_name)
        if default is not None and task == default.manifest.task_type:
            return self.default_name
        for name in sorted(self._newest):
            described = self._described(name)
            if described is not None and described.manifest.task_type == task:
                return name
        if self._tried:
            raise ModelNotReady(f"No loaded model does {task!r}, and others are not loaded yet.")
        raise ModelNotFound(f"No loaded model does {task!r}{SEE_MODELS}")

    def _described(self, name: str) -> Model | None:
        """The version that says what a model does: the one that most requests get, else the newest."""
        in_force = self._policies.in_force(name)
        stable = None if in_force is None else self._versions.get((name, in_force.stable_version))
        return stable or self._newest.get(name)

    def find(self, name: str, version: str) -> Model:
        """That version. Raises ModelNotFound, which names those that are loaded, or ModelNotReady."""
        model = self._versions.get((name, version))
        if model is None:
            raise self._not_found(name, version)
        return model

    def _not_found(self, name: str, version: str | None) -> ModelNotFound | ModelNotReady:
        """Lists the loaded versions if the model has any."""
        if self.is_being_tried(name, version):
            which = f"The model {name!r}" if version is None else f"Version {version!r} of the model {name!r}"
            return ModelNotReady(f"{which} is being tried and loaded; it is not ready yet.")
        if version is None or name not in self._newest:
            return ModelNotFound(f"No model {name!r} is loaded{SEE_MODELS}")
        versions = self.versions(name)
        return ModelNotFound(
            f"No model {name!r} of version {version!r} is loaded; there is {', '.join(versions)}.",
            loaded_versions=versions,
        )

    def models(self) -> list[Model]:
        """All loaded versions: the default model first, then by name, the newest version first."""
        newest_first = sorted(self._models, key=lambda folder: folder.precedence, reverse=True)
        by_name = sorted(newest_first, key=lambda folder: (folder.name != self.default_name, folder.name))
        return [self._models[folder] for folder in by_name]

    def is_stable(self, folder: ModelFolder) -> bool:
        """Whether a policy names it as the version that requests get."""
        in_force = self._policies.in_force(folder.name)
        return in_force is not None and in_force.stable_version == folder.version

    def versions(self, name: str) -> list[str]:
        """The loaded versions of a model, the newest first."""
        return [model.version for model in self.models() if model.name == name]

    def has_default(self) -> bool:
        """Whether requests that name no model can be served."""
        try:
            return not self._unnamed(self.default_name, no_headers).batcher.unavailable
        except Problem:
            return False

    def loaded(self, name: str, version: str) -> Model | None:
        """That version, if it is loaded."""
        return self._versions.get((name, version))

    def misfits(self, name: str, version: str) -> str:
        """Why a version is not what its folder should be; empty if it is, or if that is not known yet."""
        if (name, version) in self._versions or (name, version) in self._coming:
            return self._misfits.get((name, version), "")
        return self._misfits.get((name, version), "its folder is gone")

    def is_being_tried(self, name: str, version: str | None = None) -> bool:
        """Whether that version, or any, is about to be served for the first time, or to be found unfit."""
        return (name, version) in self._tried or (version is None and any(name == tried for tried, _ in self._tried))

    def unfit(self, name: str, version: str) -> str:
        """Why a version that is loaded should get no requests but those that name it; empty if it may."""
        model = self._versions.get((name, version))
        return self.misfits(name, version) or ("" if model is None else model.batcher.unavailable)

    def replace(
        self,
        models: Mapping[ModelFolder, Model],
        misfits: Mapping[ModelFolder, str] = MappingProxyType({}),
        coming: Iterable[ModelFolder] = (),
        tried: Iterable[ModelFolder] = (),
    ) -> None:
        """From now on exactly these models take requests. Those that are left out finish what they have, then close.

        `misfits`: folders of which what is there now cannot be served, and why; they are no candidates any more, even
        if what was there before goes on. `coming`: those of which it is not known yet; `tried`: of these, the ones that
        are being tried, or will be shortly.
        """
        retired = [model for folder, model in self._models.items() if models.get(folder) is not model]
        self._models = dict(models)
        self._newest = {folder.name: models[folder] for folder in sorted(models, key=lambda folder: folder.precedence)}
        self._versions = {(model.name, model.version): model for model in models.values()}
        self._coming = {(folder.name, folder.version) for folder in coming}
        self._tried = {(folder.name, folder.version) for folder in tried}
        self._misfits = {(folder.name, folder.version): reason for folder, reason in misfits.items()}
        self._arms.clear()  # they must not keep models that are retired
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
