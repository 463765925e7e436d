"""A custom runtime for tensors, as MLServer's documentation says; `mlserver start FOLDER` reads settings beside it."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from onnxruntime import InferenceSession, SessionOptions


class Runtime(MLModel):
    """One model per worker, one thread each, as this project's own."""

    async def load(self) -> bool:
        """Loads it."""
        options = SessionOptions()
        options.intra_op_num_threads = 1
        self.session = InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The mean of each image."""
        (found,) = self.session.run(["value"], {"image": NumpyCodec.decode_input(payload.inputs[0])})
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("value", found)])
