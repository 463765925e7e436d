"""Trains small models of a made-up table of customers, as people train them. Run by the environment of the examples.

python train_models.py FOLDER
"""

import sys
import warnings
from pathlib import Path

import joblib
import lightgbm
import numpy as np
import pandas
import xgboost
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

ROWS = 400
NOTES = ["late again, never works", "friendly help", "all is well", "too expensive for me", "works well, thank you"]
NUMBERS, WORDS = ["age", "monthly fee", "calls"], ["plan", "city"]


def table() -> pandas.DataFrame:
    """Customers. Some ages are not known."""
    random = np.random.default_rng(18)
    age = random.integers(18, 90, ROWS).astype(float)
    age[random.random(ROWS) < 0.1] = np.nan
    frame = pandas.DataFrame(
        {
            "age": age,
            "monthly fee": random.uniform(5, 90, ROWS).round(2),
            "calls": random.integers(0, 12, ROWS),
            "late": random.random(ROWS) < 0.3,
            "plan": random.choice(["basic", "family", "premium"], ROWS),
            "city": random.choice(["Ankara", "Bursa", "Izmir"], ROWS),
            "note": [f"{random.choice(NOTES)} {number}" for number in range(ROWS)],
        }
    )
    score = frame["monthly fee"] / 30 + frame["calls"] / 4 + 2 * frame["late"] - (frame["plan"] == "premium")
    frame["leaves"] = np.where(score > 3, "leaves", "stays")
    frame["price"] = (score * 100 + frame["age"].fillna(0)).round(2)
    return frame


def encoder(unknown: str = "ignore") -> ColumnTransformer:
    """Numbers scaled, words as columns of their own."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown=unknown)
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, WORDS)])


def pipelines(frame: pandas.DataFrame) -> dict[str, Pipeline]:
    """Name → a fitted pipeline of scikit-learn."""
    x, leaves, price = frame[[*NUMBERS, *WORDS]], frame["leaves"], frame["price"]
    many = np.stack([frame["late"], frame["calls"] > 6], axis=1).astype(int)
    logistic = LogisticRegression(max_iter=1000)
    return {
        "churn": make_pipeline(encoder(), logistic).fit(x, leaves),
        "strict": make_pipeline(encoder("error"), LogisticRegression(max_iter=1000)).fit(x, leaves),
        "price": make_pipeline(encoder(), GradientBoostingRegressor(n_estimators=20)).fit(x, price),
        "ridge": make_pipeline(encoder(), Ridge()).fit(x, price),
        "many": make_pipeline(encoder(), MultiOutputClassifier(LogisticRegression())).fit(x, many),
        "margins": make_pipeline(encoder(), LinearSVC()).fit(x, leaves),
        "calibrated": make_pipeline(encoder(), CalibratedClassifierCV(LinearSVC())).fit(x, leaves),
        "note": make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(frame["note"], leaves),
        # It knows no gaps, and the sample has some: scikit-learn and the converted forest take different ways then.
        "forest": RandomForestClassifier(n_estimators=8, max_depth=4, random_state=0).fit(
            frame[["age", "calls"]].fillna(50).to_numpy(), leaves
        ),
    }


def main(folder: Path) -> None:
    """Writes sample.csv and the models."""
    warnings.simplefilter("ignore")
    table().to_csv(folder / "sample.csv", index=False)
    frame = pandas.read_csv(folder / "sample.csv")
    for name, pipeline in pipelines(frame).items():
        joblib.dump(pipeline, folder / f"{name}.joblib")
    mixed = frame[["age", "monthly fee", "late", "plan"]].astype({"plan": "category"})
    prices = lightgbm.LGBMRegressor(n_estimators=30, verbose=-1).fit(mixed, frame["price"])
    joblib.dump(prices, folder / "lightgbm.joblib")
    cities = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(mixed, frame["city"])
    cities.booster_.save_model(folder / "lightgbm.txt")
    numbers = frame[["age", "monthly fee", "calls", "late"]]
    xgboost.XGBRegressor(n_estimators=20).fit(numbers, frame["price"]).save_model(folder / "xgboost.json")
    leaves = xgboost.XGBClassifier(n_estimators=10).fit(numbers, (frame["leaves"] == "stays").astype(int))
    joblib.dump(leaves, folder / "xgboost.joblib")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
