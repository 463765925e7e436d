"""HTTP only: what comes in, what goes out, which errors are documented."""

from fastapi import APIRouter

from prediction_service.contracts import (
    BatchRequest,
    BatchResponse,
    ModelInfo,
    ModelsResponse,
    Prediction,
    PredictRequest,
)
from prediction_service.model_repository import ModelRepository
from prediction_service.predict import Predictor
from shared.runtime.openapi import problems


def prediction_router(predictor: Predictor) -> APIRouter:
    """Predictions."""
    router = APIRouter(prefix="/predict", tags=["predictions"], responses=problems(404, 422, 503))

    @router.post("", summary="One prediction")
    async def predict(request: PredictRequest) -> Prediction:
        """Label and confidence for one text. Answered only once it is on record."""
        (prediction,) = await predictor.predict([request.text], request)
        return prediction

    @router.post("/batch", summary="Up to 256 predictions")
    async def predict_batch(request: BatchRequest) -> BatchResponse:
        """One prediction per text, in order, recorded in one transaction: all of them or none."""
        return BatchResponse.model_construct(predictions=await predictor.predict(request.texts, request))

    return router


def models_router(repository: ModelRepository) -> APIRouter:
    """The model repository."""
    router = APIRouter(tags=["models"])

    @router.get("/models", summary="The models that are loaded")
    async def list_models() -> ModelsResponse:
        """Every loaded version, and the folders that could not be loaded, with the reason."""
        default = repository.default()
        models = [
            ModelInfo(
                name=model.name,
                version=model.version,
                task_type=model.manifest.task,
                labels=model.manifest.labels,
                runtime=model.manifest.runtime,
                source=model.manifest.source,
                default=model is default,
            )
            for model in repository.all()
        ]
        return ModelsResponse(models=models, skipped=repository.skipped)

    return router
