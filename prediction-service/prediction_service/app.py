"""The prediction-service: models from a folder, and every prediction on record.

The stops of a request, in order:

1. `api/routes`         HTTP in and out (`api/schemas`, `api/responses`; `inference_protocol` for /v2):
                        texts within bounds (`request/texts`) and who waits for them (`request/caller`);
                        `streams/stream` for CSV and NDJSON of any length, in groups;
                        `idempotency/repeats` for what its caller may send again
2. `predict`            the use case; calls the next three
3. `models/catalogue`   which of the loaded models, in which version: that is for `rollouts/policies` to say, which
                        `rollouts/follower` follows in Postgres, all replicas alike.
                        `models/repository` keeps the models equal to `models/folders`:
                        `models/admission` tries what is new in a process of its own (`models/trials`), then loads it
                        (`models/loader`, `models/runtimes`); `models/register` tells Postgres what is loaded
4. `batching/batcher`   what the model said before is said again, if it has a cache (`caching/outcome_cache`); the rest
                        is read into pieces (`batching/reading`), waits its turn (`batching/waiting`,
                        `batching/turns`) and is computed together with whatever else waits for that model
                        (`batching/worker_pool`, `batching/worker`)
5. `records/recorder`   writes it together with whatever else waits for the record, through `records/failover`:
                        `records/postgres` (Postgres), or `records/journal` (local disk) while that is away

After that, and for nobody, a candidate in the shadow computes the same: `shadows/shadows`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from prediction_service.api.keyed import keyed_router
from prediction_service.api.rollouts import RolloutView, rollouts_router
from prediction_service.api.routes import models_router, prediction_router
from prediction_service.api.streams import stream_router
from prediction_service.choice import Choice
from prediction_service.health import health_report
from prediction_service.idempotency.repeats import Repeats
from prediction_service.inference_protocol.routes import protocol_router
from prediction_service.models.admission import Admission
from prediction_service.models.candidates import Candidates
from prediction_service.models.catalogue import Catalogue
from prediction_service.models.crashes import Crashes
from prediction_service.models.loader import QueueBounds
from prediction_service.models.register import ModelRegister
from prediction_service.models.repository import ModelRepository
from prediction_service.models.runtimes.python.launch import ProcessBounds
from prediction_service.models.trials.runner import TrialBounds, Trials
from prediction_service.predict import Predictor
from prediction_service.records.failover import RecordFailover
from prediction_service.records.journal import Journal
from prediction_service.records.kept_responses import KeptResponses
from prediction_service.records.postgres import RecordStore
from prediction_service.records.recorder import Recorder
from prediction_service.rollouts.changes import RolloutChanges
from prediction_service.rollouts.follower import RolloutFollower
from prediction_service.rollouts.on_disk import PolicyFile
from prediction_service.rollouts.policies import Policies
from prediction_service.settings import Settings
from prediction_service.shadows.shadows import Shadows
from prediction_service.shadows.store import ShadowStore
from prediction_service.stored import Stored
from prediction_service.streams.outlet import Disk
from prediction_service.streams.places import Streams
from shared.asyncio.clock import utc_now
from shared.database.connection import Connector
from shared.service.assembly import create_service

SERVICE = "prediction-service"
VERSION = version("modelserver-prediction-service")


def create_app(settings: Settings) -> ASGIApp:
    """Puts the service together; connects to nothing yet."""
    memory, seconds = settings.model_memory_bytes, settings.model_load_seconds
    environments, call_seconds = settings.model_environments_dir, settings.model_call_seconds
    processes = ProcessBounds(environments, memory, call_seconds, seconds)
    bounds = QueueBounds(settings.queue_rows, settings.prediction_timeout_seconds, call_seconds, memory, processes)
    crashes = Crashes(settings.journal_dir)
    trials = Trials(TrialBounds(seconds, memory, environments))
    policies = Policies()
    catalogue = Catalogue(settings.default_model, policies)
    candidates = Candidates(catalogue, policies)
    secret = settings.admin_token.get_secret_value().encode()
    admission = Admission(trials, bounds, seconds, settings.journal_dir, crashes, secret)
    repository = ModelRepository(settings.models_dir, catalogue, admission)
    connector = Connector(settings.database_url, SERVICE)
    journal = Journal(settings.journal_dir, settings.journal_max_bytes)
    store = RecordFailover(RecordStore(connector), RecordStore(connector), KeptResponses(connector), journal)
    recorder = Recorder(store, settings.record_queue_rows)
    follower = RolloutFollower(
        connector,
        policies,
        PolicyFile(settings.journal_dir),
        utc_now,
        lost=candidates.lost,
        served=candidates.served,
    )
    changes = RolloutChanges(follower, catalogue.versions, catalogue.unfit)
    register = ModelRegister(connector, catalogue.models)
    shadows = Shadows(
        ShadowStore(connector),
        lambda: recorder.is_busy,
        lambda model: catalogue.loaded(model.name, model.version) is model,
    )
    stored = Stored(settings.store_text, settings.store_inputs, settings.never_store)
    predictor = Predictor(catalogue, recorder, utc_now, stored, shadows)
    choice = Choice(catalogue, settings.admin_token)
    streams = Streams(settings.max_streams, settings.queue_rows)
    disk = Disk(settings.journal_dir, settings.stream_disk_bytes)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with crashes.watching():
            async with store, recorder, repository.watching(), follower.following(), register.following(), shadows:
                yield

    return create_service(
        title=SERVICE,
        version=VERSION,
        description=__doc__,
        routers=[
            stream_router(predictor, choice, streams, disk),
            prediction_router(predictor, choice),
            keyed_router(predictor, choice, Repeats(store.find)),
            rollouts_router(changes, RolloutView(catalogue, policies, candidates), settings.admin_token),
            models_router(repository, policies, candidates, choice),
            protocol_router(predictor, repository, choice, settings.admin_token, server=SERVICE, version=VERSION),
        ],
        health=health_report(repository, store, follower, candidates, SERVICE, VERSION),
        lifespan=lifespan,
        admin_token=settings.admin_token,
    )
