"""The proxy that tutorials show: one httpx client. `python httpx_proxy.py PORT UPSTREAM_URL`."""

import sys

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response

app = FastAPI()
client = httpx.AsyncClient(base_url=sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1", timeout=30)


@app.api_route("/{path:path}", methods=["GET", "POST"])
async def proxy(path: str, request: Request) -> Response:
    """Any request."""
    answer = await client.request(
        request.method,
        f"/{path}",
        content=await request.body(),
        headers={"content-type": request.headers.get("content-type", "application/json")},
    )
    return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
