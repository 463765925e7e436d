"""`python serve_table.py PORT`, as LitServe's documentation says."""

import sys

import litserve as ls
from model import workers
from table import Answer, Row, Table


class Api(ls.LitAPI):
    """One model per worker."""

    def setup(self, device: str) -> None:
        """Loads it."""
        self.table = Table()

    def decode_request(self, request: dict[str, Row]) -> Row:
        """The row."""
        return request["inputs"]

    def predict(self, rows: list[Row]) -> list[Answer]:
        """Rows of several requests."""
        return self.table.answer(rows)

    def encode_response(self, output: Answer) -> Answer:
        """It is JSON already."""
        return output


if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.005)
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=workers())
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
