"""The endpoint that everyone writes first: `uvicorn serve:app --workers 2`."""

from fastapi import FastAPI
from model import Answer, Model
from pydantic import BaseModel

app = FastAPI()
model = Model()


class Question(BaseModel):
    """A text."""

    text: str


@app.post("/predict")
def predict(question: Question) -> Answer:
    """In a thread, as FastAPI's documentation has it for work that blocks."""
    return model.answer([question.text])[0]
