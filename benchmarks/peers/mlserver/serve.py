"""A custom runtime, as MLServer's documentation says; `mlserver start FOLDER` reads the settings beside it."""

import json

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from model import Model


class Runtime(MLModel):
    """One model per worker."""

    async def load(self) -> bool:
        """Loads it."""
        self.model = Model()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """One row per text; rows of several requests when adaptive batching is on."""
        texts = StringCodec.decode_input(payload.inputs[0])
        answers = [json.dumps(answer) for answer in self.model.answer(texts)]
        return InferenceResponse(model_name=self.name, outputs=[StringCodec.encode_output("answers", answers)])
