"""`python -m gateway`."""

from gateway.app import SERVICE, create_app, create_door
from gateway.settings import Settings
from shared.database.schema_check import check_schema
from shared.service.assembly import run_service

if __name__ == "__main__":
    run_service(
        SERVICE,
        Settings,
        create_app,
        check=lambda settings: check_schema(settings.database_url),
        make_door=create_door,
    )
