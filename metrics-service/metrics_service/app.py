"""The metrics-service: numbers over the recorded predictions, and what the thresholds say about them.

The stops of a request, in order:

1. `api`                  HTTP in and out; `models/catalogue`: a model that there is not is a 404
2. `reports/metrics`      the use case; calls the next four
3. `windows/coverage`     which `windows/window`, and whether what it takes is still kept
4. `windows/aggregates`   the numbers, from `windows/rollups` of whole buckets and the raw rows at both ends
                          (`windows/timeseries`: the same in buckets; `windows/histogram`: percentiles)
5. `thresholds/store`     the thresholds in force (`thresholds/changes`: what may be changed, and to what)
6. `thresholds/judge`     the verdict

`database` is the border to Postgres, `sql` has the statements.
`reports/drift` compares a window with another or with one of the `baselines` (`windows/distributions`: how predictions
are distributed; `drift/comparison`: whether and how far two are apart; `drift/chance`: what chance alone does);
`feedback` says how good predictions were; `reports/comparison` puts two versions or two windows `side_by_side`, with
intervals and a verdict in words. What a person changes is on the trail of `audit`.
`predictions/reader` gives predictions out as they are on record: by a `predictions/filter`, from a `predictions/cursor`
on, in the `predictions/stretches` of time where they are; `predictions/export` as many as there are, as a stream;
`predictions/erasure` erases some for good; `review` finds those that deserve a person's label.

Besides requests, the one replica that leads (`maintenance/leader`) works, in this order:

1. `maintenance/retention`   makes and drops partitions; `maintenance/model_retention` deletes of models that are kept
                             less long; `maintenance/compaction` counts what is new;
                             `predictions/erasure` goes on with what a request could not finish
2. `watch/watcher`           reads of every model confidence, time and drift, `watch/traffic` and `watch/accuracy`
3. `watch/rollouts`          judges every canary by its `guards`, each second; rolls back, and promotes where told to
4. `alerts/rules`            what a reading makes of an alert, judged by `thresholds/judge`; `alerts/store` keeps it
5. `notifications/outbox`    queues what receivers are to be told, unless `silences` hold it back
6. `notifications/delivery`  takes it to webhooks, in the words of `notifications/text` and `notifications/chat`;
                             `notifications/alertmanager` tells Alertmanagers what fires, again and again
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from metrics_service.alerts.store import AlertStore
from metrics_service.api.alerts import alerts_router
from metrics_service.api.audit import audit_router
from metrics_service.api.baselines import baselines_router
from metrics_service.api.candidates import candidates_router
from metrics_service.api.feedback import feedback_router
from metrics_service.api.keys import keys_router
from metrics_service.api.metrics import metrics_router
from metrics_service.api.predictions import predictions_router
from metrics_service.api.review import review_router
from metrics_service.api.rollouts import rollouts_router
from metrics_service.api.silences import silences_router
from metrics_service.api.thresholds import thresholds_router
from metrics_service.baselines.pinning import Pinning
from metrics_service.baselines.store import BaselineStore
from metrics_service.candidates.reporter import CandidateReporter
from metrics_service.feedback.store import FeedbackStore
from metrics_service.guards.store import GuardStore
from metrics_service.health import health_report
from metrics_service.maintenance.compaction import Compaction
from metrics_service.maintenance.leader import Leader
from metrics_service.maintenance.model_retention import ModelRetention
from metrics_service.maintenance.retention import HOURS_OF_KEYS, Retention
from metrics_service.models.catalogue import ModelCatalogue
from metrics_service.notifications.alertmanager import AlertmanagerSync
from metrics_service.notifications.delivery import AlertDelivery, new_client
from metrics_service.notifications.outbox import Outbox
from metrics_service.predictions.erasure import Eraser
from metrics_service.predictions.export import Exporter
from metrics_service.predictions.reader import RecordReader
from metrics_service.reports.comparison import ComparisonReporter
from metrics_service.reports.drift import DriftReporter
from metrics_service.reports.keys import KeyReporter
from metrics_service.reports.metrics import MetricsReporter
from metrics_service.reports.rollouts import RolloutReporter
from metrics_service.review.reviewer import Reviewer
from metrics_service.settings import Settings
from metrics_service.silences.store import SilenceStore
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.watch.rollouts import RolloutWatch
from metrics_service.watch.watcher import AlertWatcher
from metrics_service.windows.coverage import Coverage
from shared.asyncio.clock import utc_now
from shared.database.connection import Connector
from shared.database.engine import create_engine
from shared.service.assembly import create_service

VERSION = version("modelserver-metrics-service")


def create_app(settings: Settings) -> ASGIApp:
    """Puts the service together; connects to nothing yet."""
    engine = create_engine(settings.database_url, "metrics-service")
    # What the leader does, and health, have connections of their own: a flood of questions takes none of them.
    own = create_engine(settings.database_url, "metrics-service")
    coverage = Coverage(utc_now, settings.retention_days, settings.rollup_retention_days)
    thresholds = ThresholdStore(engine)
    reporter = MetricsReporter(engine, thresholds, coverage)
    catalogue, silences = ModelCatalogue(engine), SilenceStore(engine, utc_now)
    baselines = BaselineStore(engine)
    drift = DriftReporter(engine, coverage, baselines)
    retention = Retention(own, utc_now, settings.retention_days, settings.rollup_retention_days)
    outbox = Outbox(settings.alert_webhooks)
    alerts = AlertStore(engine, settings.alert_policy, outbox.announce)
    feedback = FeedbackStore(engine, settings.feedback_caller_limit)
    comparison = ComparisonReporter(engine, coverage, thresholds, feedback)
    reader = RecordReader(engine, utc_now, settings.row_days)
    eraser = Eraser(engine, utc_now, settings.retention_days)
    exporter = Exporter(Connector(settings.database_url, "metrics-service export"), utc_now, settings.row_days)
    watcher = AlertWatcher(
        own,
        ThresholdStore(own),
        DriftReporter(own, coverage, BaselineStore(own)),
        FeedbackStore(own, settings.feedback_caller_limit),
        AlertStore(own, settings.alert_policy, outbox.announce),
        utc_now,
        settings.watch,
    )
    rollouts = RolloutWatch(
        GuardStore(own, settings.feedback_caller_limit),
        ThresholdStore(own),
        AlertStore(own, settings.alert_policy, outbox.announce),
        utc_now,
    )
    client = new_client(settings.alert_webhooks)
    delivery = AlertDelivery(own, client, settings.alert_webhooks, settings.alert_webhook_secret, utc_now)
    alertmanager = AlertmanagerSync(
        own, client, settings.alert_webhooks, settings.alert_webhook_secret, settings.alert_resend_interval, utc_now
    )
    duties = [
        retention.run,
        Eraser(own, utc_now, settings.retention_days).run,
        *([ModelRetention(own, utc_now, settings.row_days).run] if settings.model_retention_days else []),
        Compaction(own).run,
        rollouts.run,
        watcher.run,
        delivery.run,
        alertmanager.run,
    ]
    leader = Leader(own, duties)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with leader.campaigning():
                yield
        finally:
            await delivery.stop()
            await client.aclose()
            await own.dispose()
            await engine.dispose()

    return create_service(
        title="metrics-service",
        version=VERSION,
        description=__doc__,
        routers=[
            metrics_router(reporter, drift, comparison, catalogue, settings.admin_token),
            rollouts_router(RolloutReporter(engine), catalogue, settings.admin_token),
            keys_router(KeyReporter(engine, utc_now, HOURS_OF_KEYS), catalogue, settings.admin_token),
            thresholds_router(thresholds, catalogue, settings.admin_token),
            baselines_router(Pinning(engine, coverage, baselines), catalogue, settings.admin_token),
            alerts_router(alerts, silences, catalogue, settings.admin_token),
            silences_router(silences, catalogue, settings.admin_token),
            feedback_router(feedback, coverage, catalogue, settings.admin_token),
            review_router(Reviewer(engine, utc_now, settings.row_days), catalogue, settings.admin_token),
            predictions_router(reader, exporter, eraser, catalogue, settings.admin_token),
            candidates_router(CandidateReporter(engine, comparison, utc_now), catalogue, settings.admin_token),
            audit_router(engine, settings.admin_token),
        ],
        health=health_report(own, VERSION),
        lifespan=lifespan,
        admin_token=settings.admin_token,
    )
