"""`python -m analytics_service`."""

from analytics_service.app import create_app
from analytics_service.settings import Settings
from shared.service.assembly import run_service

if __name__ == "__main__":
    run_service("analytics-service", Settings, create_app)
