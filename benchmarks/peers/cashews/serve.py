"""A cached call of a slow provider as cashews' documentation shows it: `uvicorn serve:app`."""

import os

import httpx
from cashews import cache
from fastapi import FastAPI

cache.setup(os.environ["REDIS_URL"])
app = FastAPI()
client = httpx.AsyncClient(timeout=60)


@cache(ttl="5m", key="report:{question}", lock=True)
async def report(question: str) -> dict[str, object]:
    """One call, however many ask."""
    return dict((await client.post(os.environ["PROVIDER"], json={"question": question})).json())


@app.post("/report/{question}")
async def answer(question: str) -> dict[str, object]:
    """From the cache, or made now."""
    return await report(question)
