"""`python grpc_load.py PORT FILE CALLERS SECONDS`: the tensor in FILE, binary over gRPC, as fast as answers come.

Says what came of it as load.lua does. The request is written once, and answers are only looked at to be errors or not.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter

import grpc
from mlserver.grpc.dataplane_pb2 import ModelInferRequest, ModelInferResponse

METHOD = "/inference.GRPCInferenceService/ModelInfer"


async def main(port: str, data: bytes, callers: int, seconds: float) -> None:
    """Closed loop: each caller asks again as soon as it was answered."""
    times = list[float]()
    image = ModelInferRequest.InferInputTensor(name="image", datatype="FP32", shape=[1, 3, 224, 224])
    request = ModelInferRequest(model_name="model", inputs=[image], raw_input_contents=[data]).SerializeToString()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary(METHOD)
        answer = ModelInferResponse.FromString(await ask(request))
        started = perf_counter()

        async def caller() -> None:
            while (begun := perf_counter()) < started + seconds:
                await ask(request)
                times.append(perf_counter() - begun)

        await asyncio.gather(*(caller() for _ in range(callers)))
        taken = perf_counter() - started
    times.sort()
    p50, p99 = (int(times[int(len(times) * share)] * 1e6) for share in (0.5, 0.99))
    counts = {"requests": len(times), "microseconds": int(taken * 1e6), "refused": 0, "broken": 0}
    (output,) = answer.outputs
    value = [*output.contents.fp32_contents, *map(float, memoryview(b"".join(answer.raw_output_contents)).cast("f"))][0]
    sys.stdout.write(json.dumps(counts | {"p50_us": p50, "p99_us": p99, "value": value}) + "\n")


asyncio.run(main(sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3]), float(sys.argv[4])))
