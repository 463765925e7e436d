"""The database roles of the services, and their passwords. No database library here: `make run` starts without one."""

import os
from collections.abc import Mapping
from pathlib import Path

SERVICE_ROLES = ("gateway", "prediction_service", "metrics_service")


def passwords_from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`GATEWAY_DB_PASSWORD` or `GATEWAY_DB_PASSWORD_FILE`, and so on, for the roles that have one."""
    found = {}
    for role in SERVICE_ROLES:
        variable = f"{role.upper()}_DB_PASSWORD"
        if path := environment.get(f"{variable}_FILE"):
            found[role] = Path(path).read_text(encoding="utf-8").strip()
        elif password := environment.get(variable):
            found[role] = password
    return found
