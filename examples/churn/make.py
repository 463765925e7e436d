"""Who will leave? A scikit-learn pipeline over numbers, gaps and words, as a folder that the service serves.

    python examples/churn/make.py

Makes customers, trains on most of them, writes models/churn/1.0.0, and rows.csv: a thousand customers whom the model
has not seen, with what scikit-learn itself says about them (columns that begin with _).
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelserver.importing.importer import About, import_model
from modelserver.importing.sample import sample_of
from modelserver.importing.sklearn import SklearnModel

HERE = Path(__file__).parent
CUSTOMERS, UNSEEN = 5000, 1000
NUMBERS, WORDS = ["age", "monthly fee", "calls", "months"], ["plan", "city"]


def customers() -> pandas.DataFrame:
    """Made-up customers. One age in ten is not known."""
    random = np.random.default_rng(2026)
    frame = pandas.DataFrame(
        {
            "age": random.integers(18, 90, CUSTOMERS).astype(float),
            "monthly fee": random.uniform(5, 90, CUSTOMERS).round(2),
            "calls": random.poisson(2, CUSTOMERS),
            "months": random.integers(1, 120, CUSTOMERS),
            "plan": random.choice(["basic", "family", "premium"], CUSTOMERS, p=[0.5, 0.3, 0.2]),
            "city": random.choice(["Ankara", "Bursa", "Istanbul", "Izmir"], CUSTOMERS),
        }
    )
    reasons = frame["monthly fee"] / 30 + frame["calls"] - frame["months"] / 24 - 2 * (frame["plan"] == "family")
    frame["outcome"] = np.where(reasons + random.normal(0, 1, CUSTOMERS) > 2, "leaves", "stays")
    frame.loc[random.random(CUSTOMERS) < 0.1, "age"] = np.nan
    return frame


def trained(known: pandas.DataFrame) -> Pipeline:
    """A model of these customers."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            (OneHotEncoder(handle_unknown="ignore"), WORDS),
        ),
        GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=0),
    ).fit(known[[*NUMBERS, *WORDS]], known["outcome"])


def main() -> None:
    """Trains, imports, and writes what scikit-learn says about rows that it has not seen."""
    frame = customers()
    known, unseen = frame[UNSEEN:], frame[:UNSEEN]
    model = trained(known)

    shutil.rmtree(HERE / "models", ignore_errors=True)
    original = SklearnModel(model, sample_of(known))
    about = About(description="Whether a customer leaves soon", source="examples/churn/make.py: made-up customers")
    imported = import_model(original, HERE / "models" / "churn", about)

    said = model.predict_proba(unseen[[*NUMBERS, *WORDS]])
    rows = unseen[[*NUMBERS, *WORDS]].assign(
        _label=model.classes_[said.argmax(axis=1)], _confidence=said.max(axis=1), _outcome=unseen["outcome"]
    )
    rows.to_csv(HERE / "rows.csv", index=False)
    right = (rows["_label"] == rows["_outcome"]).mean()
    sys.stdout.write(f"{imported.folder}: right about {right:.1%} of {UNSEEN:,} customers whom it has not seen\n")


if __name__ == "__main__":
    main()
