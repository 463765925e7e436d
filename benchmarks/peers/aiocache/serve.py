"""A cached call of a slow provider as aiocache's documentation shows it: `uvicorn serve:app`."""

import os
from urllib.parse import urlsplit

import httpx
from aiocache import Cache, cached_stampede
from aiocache.serializers import JsonSerializer
from fastapi import FastAPI

redis = urlsplit(os.environ["REDIS_URL"])
app = FastAPI()
client = httpx.AsyncClient(timeout=60)


@cached_stampede(
    lease=10,
    ttl=300,
    key_builder=lambda _, question: f"report:{question}",
    cache=Cache.REDIS,
    endpoint=redis.hostname,
    port=redis.port,
    password=redis.password,
    pool_max_size=1000,  # its documentation: "If you expect high concurrency, you should adapt the pool size"
    serializer=JsonSerializer(),
)
async def report(question: str) -> dict[str, object]:
    """One call, however many ask."""
    return dict((await client.post(os.environ["PROVIDER"], json={"question": question})).json())


@app.post("/report/{question}")
async def answer(question: str) -> dict[str, object]:
    """From the cache, or made now."""
    return await report(question)
