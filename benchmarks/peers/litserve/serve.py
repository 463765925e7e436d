"""`python serve.py PORT`, as LitServe's documentation says."""

import sys

import litserve as ls
from model import Answer, Model, batched, workers


class Api(ls.LitAPI):
    """One model per worker."""

    def setup(self, device: str) -> None:
        """Loads it."""
        self.model = Model()

    def decode_request(self, request: dict[str, str]) -> str:
        """The text."""
        return request["text"]

    def predict(self, texts: str | list[str]) -> Answer | list[Answer]:
        """A list when batching is on."""
        return self.model.answer(texts) if isinstance(texts, list) else self.model.answer([texts])[0]

    def encode_response(self, output: Answer) -> Answer:
        """It is JSON already."""
        return output


if __name__ == "__main__":
    batching = {"max_batch_size": 64, "batch_timeout": 0.005} if batched() else {}
    server = ls.LitServer(Api(**batching), accelerator="cpu", workers_per_device=workers())
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
