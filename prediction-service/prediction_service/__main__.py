"""`python -m prediction_service`."""

from prediction_service.app import SERVICE, create_app
from prediction_service.settings import Settings
from shared.database.schema_check import check_schema
from shared.service.assembly import run_service

if __name__ == "__main__":
    run_service(SERVICE, Settings, create_app, check=lambda settings: check_schema(settings.database_url))
