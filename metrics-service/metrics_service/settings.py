"""Everything the metrics-service can be told."""

from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from metrics_service.alerts.rules import Policy
from metrics_service.notifications.webhooks import Webhook, key_of, parse_webhooks
from metrics_service.predictions.row_days import DaysByModel, RowDays
from metrics_service.watch.scope import Watch
from shared.database.urls import DatabaseUrl
from shared.settings.behind_the_gateway import SettingsBehindTheGateway
from shared.settings.proxies import check_proxies
from shared.settings.secret_words import AdminToken


def webhooks_from(value: Any) -> Any:
    """Webhooks from the text of a variable."""
    return parse_webhooks(value) if isinstance(value, str) else value


def usable_secret(secret: SecretStr) -> SecretStr:
    """Raises ValueError for a secret in base64 that is none."""
    key_of(secret)
    return secret


class Settings(SettingsBehindTheGateway):
    """Read from the environment; see `shared.settings.settings` for the order of sources."""

    database_url: DatabaseUrl = Field(description="Postgres, as the role metrics_service")
    admin_token: AdminToken = Field(description="Needed to change thresholds")
    retention_days: int = Field(30, ge=2, le=3650, description="How many days raw predictions are kept")
    model_retention_days: DaysByModel = Field(
        {}, description="Models whose raw predictions are kept less long: `model:days` with commas between"
    )
    rollup_retention_days: int = Field(
        90, ge=2, le=3650, description="How many days rollups of minutes are kept; those of hours and days stay"
    )

    alert_interval: float = Field(30, ge=0.1, le=3600, description="Seconds between two looks at every model")
    alert_window_minutes: int = Field(5, ge=1, le=1440, description="Window that alerts look at, in minutes")
    alert_min_predictions: int = Field(
        10, ge=1, le=1_000_000_000, description="With fewer predictions in the window, nothing is judged"
    )
    alert_recovery_margin: float = Field(
        0.05, ge=0, le=0.5, description="How much better than its threshold a value must be to count as recovered"
    )
    alert_cooldown: float = Field(
        300, ge=0, le=86_400, description="Seconds after an alert in which the same trouble opens no new one"
    )
    alert_drift_window_minutes: int = Field(60, ge=1, le=1440, description="Window that is watched for drift")
    alert_drift_reference_minutes: int = Field(1440, ge=1, le=10_080, description="Window before it to compare with")
    alert_webhooks: Annotated[tuple[Webhook, ...], NoDecode, BeforeValidator(webhooks_from)] = Field(
        (),
        description="Where alerts go: URLs with commas between; alertmanager+https://…, slack+https://… and "
        "teams+https://… for those",
    )
    alert_resend_seconds: float = Field(
        60, ge=0.1, le=3600, description="How often Alertmanager is told again what fires; it forgets after four times"
    )
    alert_min_accuracy_warning: float = Field(
        0.7, ge=0, le=1, description="Share of predictions not known to be wrong, below which accuracy is a warning"
    )
    alert_min_accuracy_critical: float = Field(0.5, ge=0, le=1, description="The same, critical")
    feedback_caller_limit: int = Field(
        100, ge=1, description="Judgements that one caller without the admin token counts for, in any window"
    )
    alert_webhook_secret: Annotated[SecretStr, AfterValidator(usable_secret)] | None = Field(
        None, description="Signs what goes to webhooks; whsec_ and base64, or any text"
    )

    @property
    def alert_resend_interval(self) -> timedelta:
        """How often Alertmanager is told again."""
        return timedelta(seconds=self.alert_resend_seconds)

    @property
    def alert_policy(self) -> Policy:
        """How eager alerts are."""
        return Policy(self.alert_recovery_margin, timedelta(seconds=self.alert_cooldown))

    @property
    def row_days(self) -> RowDays:
        """How long predictions are kept."""
        return RowDays(self.retention_days, self.model_retention_days)

    @property
    def watch(self) -> Watch:
        """What alerts look at."""
        return Watch(
            interval_seconds=self.alert_interval,
            window_minutes=self.alert_window_minutes,
            min_predictions=self.alert_min_predictions,
            drift_window_minutes=self.alert_drift_window_minutes,
            drift_reference_minutes=self.alert_drift_reference_minutes,
            min_accuracy_warning=self.alert_min_accuracy_warning,
            min_accuracy_critical=self.alert_min_accuracy_critical,
        )

    @model_validator(mode="after")
    def proxies_can_be_used(self) -> Self:
        """Raises ValueError for a proxy in the environment through which no webhook could be called."""
        if self.alert_webhooks:
            check_proxies()
        return self

    @model_validator(mode="after")
    def rollups_outlive_rows(self) -> Self:
        """Raises ValueError when rollups would be deleted before the rows that they sum up."""
        if self.rollup_retention_days < self.retention_days:
            raise ValueError("ROLLUP_RETENTION_DAYS must not be less than RETENTION_DAYS")
        return self

    @model_validator(mode="after")
    def models_are_kept_less_long(self) -> Self:
        """Raises ValueError when a model's predictions would have to outlive the partitions that they are in."""
        for model, days in self.model_retention_days.items():
            if days > self.retention_days:
                most = f"more than RETENTION_DAYS ({self.retention_days})"
                raise ValueError(f"MODEL_RETENTION_DAYS has {days} days for {model}, {most}")
        return self

    @model_validator(mode="after")
    def critical_accuracy_is_beyond_warning(self) -> Self:
        """Raises ValueError when critical would be met before the warning."""
        if self.alert_min_accuracy_critical >= self.alert_min_accuracy_warning:
            raise ValueError("ALERT_MIN_ACCURACY_CRITICAL must be below ALERT_MIN_ACCURACY_WARNING")
        return self
