"""`python -m metrics_service`."""

from metrics_service.app import create_app
from metrics_service.settings import Settings
from shared.database.schema_check import check_schema
from shared.service.assembly import run_service

if __name__ == "__main__":
    run_service("metrics-service", Settings, create_app, check=lambda settings: check_schema(settings.database_url))
