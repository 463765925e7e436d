"""Makes the folders in `tables`: models of tables as scikit-learn, LightGBM and XGBoost have them, exported as usual.

Needs an environment of its own, from requirements-tables.txt. All learn from one made-up table of customers.
`expect.json` has a few rows as requests have them and what the library itself says about them before the export:
{"rows", "labels", "probabilities"}, or {"rows", "values"}, {"rows", "vectors"}, {"rows", "outputs"}.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import onnxmltools
import pandas
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as FloatTensor
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

FOLDER = Path(__file__).parent / "tables"
ROWS, SHOWN = 400, 24

PLANS, CITIES, LABELS = ["basic", "family", "premium"], ["Ankara", "Bursa", "Izmir"], ["leaves", "stays"]
TOPICS = ["late", "calls", "young"]
WORDS = ["late again", "friendly help", "never works", "all is well", "too expensive", "works well, thank you"]


def table() -> pandas.DataFrame:
    """Customers. Some ages are not known."""
    random = np.random.default_rng(18)
    age = random.integers(18, 90, ROWS).astype(np.float32)
    age[random.random(ROWS) < 0.1] = np.nan
    return pandas.DataFrame(
        {
            "age": age,
            "monthly fee": random.uniform(5, 90, ROWS).round(2).astype(np.float32),
            "calls": random.integers(0, 12, ROWS),
            "late": random.random(ROWS) < 0.3,
            "plan": random.choice(PLANS, ROWS),
            "city": random.choice(CITIES, ROWS),
            "note": random.choice(WORDS, ROWS),
        }
    )


TABLE = table()
SCORE = TABLE["monthly fee"] / 30 + TABLE["calls"] / 4 + 2 * TABLE["late"] - (TABLE["plan"] == "premium")
LEAVES = np.where(SCORE + np.nan_to_num(TABLE["age"]) / 90 > 3, *LABELS)
PRICE = (SCORE * 100 + np.nan_to_num(TABLE["age"])).to_numpy()
MANY = np.stack([TABLE["late"], TABLE["calls"] > 6, np.nan_to_num(TABLE["age"]) < 40], axis=1).astype(int)
NUMBERS = ["age", "monthly fee", "calls", "late"]
X = TABLE[NUMBERS].fillna(50).to_numpy(np.float32)

INPUTS = {
    "age": 'type = "number"\nrequired = false',
    "monthly fee": 'type = "number"',
    "calls": 'type = "integer"',
    "late": 'type = "boolean"',
    "plan": f'type = "category"\nvalues = {json.dumps(PLANS)}',
    "city": f'type = "category"\nvalues = {json.dumps(CITIES)}\nother = true',
    "note": 'type = "text"',
}


def keep(
    name: str,
    model: onnx.ModelProto | bytes,
    columns: Sequence[str],
    said: Mapping[str, Any],
    manifest: str = "",
    runtime: str = "",
    *,
    whole: bool = False,
    optional: Sequence[str] = (),
    table: pandas.DataFrame = TABLE,
) -> None:
    """A folder with the model, its manifest and what the library says.

    `whole`: of rows without gaps. `optional`: columns in which "" is a gap.
    """
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    gap = dict.fromkeys(optional, "\nrequired = false")
    inputs = "".join(f'[[inputs]]\nname = "{column}"\n{INPUTS[column]}{gap.get(column, "")}\n' for column in columns)
    if "labels" in said:
        manifest = f"labels = {json.dumps(said['labels'])}\n{manifest}"
    (folder / "model.toml").write_text(f'{manifest}{inputs}[runtime]\nkind = "onnx"\n{runtime}', encoding="utf-8")
    rows = table[list(columns)].head(SHOWN)
    rows = rows.fillna(50) if whole else rows.astype(object).where(rows.notna() & (rows != ""), None)
    expected = {"rows": rows.to_dict("records"), **{key: plain(value) for key, value in said.items()}}
    (folder / "expect.json").write_text(json.dumps(expected) + "\n", encoding="utf-8")


def plain(value: Any) -> Any:
    """As JSON has it."""
    return value.tolist() if isinstance(value, np.ndarray) else value


def classifier(model: Any, x: Any, labels: Sequence[str] | None = None) -> dict[str, Any]:
    """What it says about the rows that are shown."""
    return {
        "labels": labels or [str(label) for label in model.classes_],
        "probabilities": np.asarray(model.predict_proba(x[:SHOWN]), np.float64),
    }


def mixed_columns() -> None:
    """Pipelines over data frames: each column an input of its own."""
    numbers, words = ["age", "monthly fee", "calls"], ["plan", "city"]
    frame = TABLE[[*numbers, *words]].astype({"calls": np.float32})
    encode = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), words),
        ]
    )
    churn = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(frame, LEAVES)
    keep("skl2onnx-churn", to_onnx(churn, frame[:1]), frame.columns, classifier(churn, frame))
    plain_scores = to_onnx(churn, frame[:1], options={id(churn): {"zipmap": False}})
    keep("skl2onnx-churn-without-zipmap", plain_scores, frame.columns, classifier(churn, frame))

    frame = TABLE[["age", "plan"]].assign(plan=np.where(TABLE["late"], "", TABLE["plan"]))
    impute = SimpleImputer(strategy="constant", fill_value="basic", missing_values="")
    encode = ColumnTransformer(
        [
            ("age", SimpleImputer(), ["age"]),
            ("plan", make_pipeline(impute, OneHotEncoder()), ["plan"]),
        ]
    )
    gaps = make_pipeline(encode, RandomForestClassifier(n_estimators=4, max_depth=3, random_state=0)).fit(frame, LEAVES)
    keep(
        "skl2onnx-gaps",
        to_onnx(gaps, frame[:1]),
        frame.columns,
        classifier(gaps, frame),
        optional=["plan"],
        table=frame,
    )

    columns = ["note", "monthly fee", "calls"]
    frame = TABLE[columns].rename(columns={"monthly fee": "monthly_fee"})
    encode = ColumnTransformer(
        [("note", TfidfVectorizer(), "note"), ("fee", StandardScaler(), ["monthly_fee", "calls"])]
    )
    noted = make_pipeline(encode, LogisticRegression(max_iter=1000)).fit(frame, LEAVES)
    types = [("note", StringTensorType([None, 1])), ("monthly_fee", FloatTensorType([None, 1]))]
    types.append(("calls", Int64TensorType([None, 1])))
    exported = to_onnx(noted, initial_types=types)
    keep("skl2onnx-text-and-numbers", exported, columns, classifier(noted, frame))

    frame = TABLE[["plan", "city"]]
    strings = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(frame.to_numpy(), LEAVES)
    exported = to_onnx(strings, initial_types=[("X", StringTensorType([None, 2]))])
    keep("skl2onnx-string-matrix", exported, frame.columns, classifier(strings, frame.to_numpy()))


def matrices() -> None:
    """Numbers alone: one matrix, whatever it is called."""
    forest = RandomForestClassifier(n_estimators=8, max_depth=4, random_state=0).fit(X, LEAVES)
    keep("skl2onnx-forest", to_onnx(forest, X[:1]), NUMBERS, classifier(forest, X), whole=True)
    boosted = GradientBoostingRegressor(n_estimators=12, max_depth=2, random_state=0).fit(X, PRICE)
    regression = 'task_type = "regression"\nunit = "EUR"\n'
    said = {"values": boosted.predict(X[:SHOWN])}
    keep("skl2onnx-regression", to_onnx(boosted, X[:1]), NUMBERS, said, regression, 'columns = "X"\n', whole=True)
    double = LinearRegression().fit(X.astype(np.float64), PRICE)
    exported = to_onnx(double, initial_types=[("features", DoubleTensorType([None, 4]))])
    keep("skl2onnx-double", exported, NUMBERS, {"values": double.predict(X[:SHOWN])}, regression, whole=True)
    vectors = make_pipeline(StandardScaler(), PCA(n_components=3, random_state=0)).fit(X)
    embedding = 'task_type = "embedding"\ndimension = 3\n'
    said = {"vectors": vectors.transform(X[:SHOWN])}
    keep("skl2onnx-pca", to_onnx(vectors, X[:1]), NUMBERS, said, embedding, whole=True)
    groups = KMeans(n_clusters=3, n_init=2, random_state=0).fit(X)
    said = {
        "outputs": [
            {"label": int(label), "scores": row.tolist()}
            for label, row in zip(groups.predict(X[:SHOWN]), groups.transform(X[:SHOWN]), strict=True)
        ]
    }
    keep("skl2onnx-kmeans", to_onnx(groups, X[:1]), NUMBERS, said, 'task_type = "generic"\n', whole=True)


def several_labels() -> None:
    """Multilabel, in all the forms that converters give it."""
    multilabel, scaled = 'task_type = "multilabel"\n', lambda model: make_pipeline(StandardScaler(), model)
    for name, model in {
        "multi-output": scaled(MultiOutputClassifier(LogisticRegression())),
        "one-vs-rest": scaled(OneVsRestClassifier(LogisticRegression())),
        "multilabel-forest": RandomForestClassifier(n_estimators=4, max_depth=3, random_state=0),
        "multilabel-mlp": scaled(MLPClassifier((4,), max_iter=500, random_state=0)),
    }.items():
        model.fit(X, MANY)
        given = model.predict_proba(X[:SHOWN])
        given = np.stack([each[:, 1] for each in given], axis=1) if isinstance(given, list) else given
        said = {"labels": TOPICS, "probabilities": np.asarray(given, np.float64)}
        options = {id(model): {"zipmap": False}}
        exported = to_onnx(model, X[:1], options=options)
        keep(f"skl2onnx-{name}", exported, NUMBERS, said, multilabel, whole=True)


def boosters() -> None:
    """LightGBM and XGBoost, by onnxmltools."""
    gaps = TABLE[NUMBERS].to_numpy(np.float32)
    types = [("X", FloatTensor([None, len(NUMBERS)]))]
    small = {"n_estimators": 10, "num_leaves": 6, "verbose": -1, "random_state": 0}
    leaves = lightgbm.LGBMClassifier(**small).fit(gaps, LEAVES)
    keep("lightgbm", onnxmltools.convert_lightgbm(leaves, initial_types=types), NUMBERS, classifier(leaves, gaps))
    plans = lightgbm.LGBMClassifier(**small).fit(gaps, TABLE["plan"])
    exported = onnxmltools.convert_lightgbm(plans, initial_types=types, zipmap=False)
    keep("lightgbm-three", exported, NUMBERS, classifier(plans, gaps))
    regression = 'task_type = "regression"\n'
    price = lightgbm.LGBMRegressor(**small).fit(gaps, PRICE)
    exported = onnxmltools.convert_lightgbm(price, initial_types=types)
    keep("lightgbm-regression", exported, NUMBERS, {"values": price.predict(gaps[:SHOWN])}, regression)
    coded = TABLE[["plan", "monthly fee", "age"]].assign(plan=pandas.Categorical(TABLE["plan"], PLANS))
    codes = coded.assign(plan=coded["plan"].cat.codes).to_numpy(np.float32)
    price = lightgbm.LGBMRegressor(**small).fit(codes, PRICE, categorical_feature=[0])
    exported = onnxmltools.convert_lightgbm(price, initial_types=[("X", FloatTensor([None, 3]))])
    keep("lightgbm-categories", exported, coded.columns, {"values": price.predict(codes[:SHOWN])}, regression)
    small = {"n_estimators": 10, "max_depth": 3, "random_state": 0}
    leaves = xgboost.XGBClassifier(**small).fit(gaps, (LEAVES == "stays").astype(int))
    exported = onnxmltools.convert_xgboost(leaves, initial_types=types)
    keep("xgboost", exported, NUMBERS, classifier(leaves, gaps, LABELS))
    price = xgboost.XGBRegressor(**small).fit(gaps, PRICE)
    exported = onnxmltools.convert_xgboost(price, initial_types=types)
    said = {"values": price.predict(gaps[:SHOWN]).astype(np.float64)}
    keep("xgboost-regression", exported, NUMBERS, said, regression)


def main() -> None:
    """Writes all of them."""
    warnings.simplefilter("ignore")
    mixed_columns()
    matrices()
    several_labels()
    boosters()
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    sys.stdout.write(f"{size:,} bytes\n")


if __name__ == "__main__":
    main()
