"""What is a message about? Several labels for one text, by scikit-learn, as a folder that the service serves.

    python examples/topics/make.py

Makes messages, trains on most of them, writes models/topics/1.0.0, and rows.csv: a thousand messages that the model has
not seen, with what scikit-learn itself says about them (columns that begin with _: a probability for each topic).
"""

import shutil
import sys
from pathlib import Path
from random import Random

import numpy as np
import pandas
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from modelserver.importing.importer import About, import_model
from modelserver.importing.sample import sample_of
from modelserver.importing.sklearn import SklearnModel

HERE = Path(__file__).parent
MESSAGES, UNSEEN = 4000, 1000

PHRASES = {
    "delivery": ["the parcel came late", "it never arrived", "delivered in two days", "the courier was early"],
    "price": ["far too expensive", "a fair price", "cheaper elsewhere", "the discount was missing", "good value"],
    "quality": ["it broke after a week", "feels solid", "the seams come apart", "better made than the last one"],
    "service": ["nobody answers the phone", "the staff was friendly", "my mail was ignored", "they helped at once"],
}
"""Topic → what people write about it."""

NEITHER = ["hello again", "as I said before", "thank you", "for my sister", "I bought it in May"]


def messages() -> tuple[list[str], np.ndarray]:
    """Made-up messages, and which topics each is about: none, one or several."""
    random = Random(2026)
    texts, about = [], []
    for _ in range(MESSAGES):
        topics = [topic for topic in PHRASES if random.random() < 0.35]
        phrases = [random.choice(PHRASES[topic]) for topic in topics] + random.choices(NEITHER, k=random.randint(1, 2))
        random.shuffle(phrases)
        texts.append(", ".join(phrases))
        about.append([topic in topics for topic in PHRASES])
    return texts, np.array(about, dtype=int)


def main() -> None:
    """Trains, imports, and writes what scikit-learn says about rows that it has not seen."""
    texts, about = messages()
    model = make_pipeline(TfidfVectorizer(), OneVsRestClassifier(LogisticRegression(C=10)))
    model.fit(texts[UNSEEN:], about[UNSEEN:])

    shutil.rmtree(HERE / "models", ignore_errors=True)
    sample = sample_of(pandas.DataFrame({"text": texts[UNSEEN:]}))
    original = SklearnModel(model, sample, list(PHRASES))
    told = About(description="What a message is about", source="examples/topics/make.py: made-up messages")
    imported = import_model(original, HERE / "models" / "topics", told)

    said = model.predict_proba(texts[:UNSEEN])
    scores = {f"_{topic}": said[:, place].round(9) for place, topic in enumerate(PHRASES)}
    rows = pandas.DataFrame({"text": texts[:UNSEEN], **scores})
    rows.to_csv(HERE / "rows.csv", index=False)
    right = ((said > 0.5) == about[:UNSEEN]).mean()
    sys.stdout.write(f"{imported.folder}: right about {right:.1%} of the topics of {UNSEEN:,} unseen messages\n")


if __name__ == "__main__":
    main()
