"""`python serve.py PORT`: a deployment with a replica per processor, as Ray Serve's documentation says."""

import sys

import ray
from model import Answer, Model, batched, workers
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=workers(), max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0})
class Predictor:
    """One model per replica."""

    def __init__(self) -> None:
        self.model = Model()

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.005)
    async def together(self, texts: list[str]) -> list[Answer]:
        """Texts of several requests."""
        return self.model.answer(texts)

    async def __call__(self, request: Request) -> Answer:
        """One request."""
        text = (await request.json())["text"]
        return await self.together(text) if batched() else self.model.answer([text])[0]


if __name__ == "__main__":
    ray.init(include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Predictor.bind(), blocking=True)
