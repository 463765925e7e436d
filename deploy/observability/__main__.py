"""`make metrics-reference`: writes docs/metrics-reference.md from the services that `make run` has started.

`--port`: the first of the four ports with metrics, PORT + 10 or TELEMETRY_PORT.
"""

import argparse
import sys
from pathlib import Path

from local.services import SERVICES
from local.settings import TELEMETRY_AT
from observability.catalogue import read_catalogue
from observability.exposition import exposed, scrape
from observability.reference import PageError, page

PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics-reference.md"


def main() -> None:
    """Ends with a line that says why when the page cannot be written."""
    parser = argparse.ArgumentParser(description="Write the page of every metric from running services")
    parser.add_argument(
        "--port", type=int, default=8000 + TELEMETRY_AT, help="the first of the four ports with metrics"
    )
    first = parser.parse_args().port
    try:
        scrapes = {name: scrape(f"http://127.0.0.1:{first + number}/metrics") for number, name in enumerate(SERVICES)}
    except OSError as error:
        sys.exit(
            f"make metrics-reference: no metrics on ports {first} to {first + 3} ({error}): start `make run` first"
        )
    try:
        PAGE.write_text(page(exposed(scrapes), read_catalogue()))
    except PageError as error:
        sys.exit(f"make metrics-reference:\n{error}")


if __name__ == "__main__":
    main()
