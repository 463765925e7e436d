"""What is a house worth? A LightGBM regression over numbers, a category and gaps, as a folder that the service serves.

    python examples/house-prices/make.py

Makes houses, trains on most of them, writes models/house-prices/1.0.0, and rows.csv: a thousand houses that the model
has not seen, with what LightGBM itself says about them (columns that begin with _).
"""

import shutil
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pandas

from modelserver.importing.boosters import LightgbmModel
from modelserver.importing.importer import About, import_model
from modelserver.importing.sample import sample_of

HERE = Path(__file__).parent
HOUSES, UNSEEN = 5000, 1000
COLUMNS = ["rooms", "area", "floor", "balcony", "city"]
CITIES = {"Ankara": 900, "Bursa": 750, "Istanbul": 1600, "Izmir": 1200}
"""City → made-up price of a square metre, in EUR."""


def houses() -> pandas.DataFrame:
    """Made-up houses. One floor in ten is not known."""
    random = np.random.default_rng(2026)
    rooms = random.integers(1, 8, HOUSES)
    frame = pandas.DataFrame(
        {
            "rooms": rooms,
            "area": (rooms * random.uniform(18, 32, HOUSES)).round(1),
            "floor": random.integers(0, 15, HOUSES).astype(float),
            "balcony": random.random(HOUSES) < 0.6,
            "city": pandas.Categorical(random.choice(list(CITIES), HOUSES), sorted(CITIES)),
        }
    )
    metre = frame["city"].astype(str).map(CITIES) * (1 + 0.01 * frame["floor"] + 0.05 * frame["balcony"])
    frame["price"] = (frame["area"] * metre * random.normal(1, 0.05, HOUSES)).round(-2)
    frame.loc[random.random(HOUSES) < 0.1, "floor"] = np.nan
    return frame


def main() -> None:
    """Trains, imports, and writes what LightGBM says about rows that it has not seen."""
    frame = houses()
    known, unseen = frame[UNSEEN:], frame[:UNSEEN]
    model = lightgbm.LGBMRegressor(n_estimators=60, num_leaves=15, random_state=0, verbose=-1)
    model.fit(known[COLUMNS], known["price"])

    shutil.rmtree(HERE / "models", ignore_errors=True)
    original = LightgbmModel(model, sample_of(known[COLUMNS]))
    about = About("EUR", "What a house is sold for", "examples/house-prices/make.py: made-up houses")
    imported = import_model(original, HERE / "models" / "house-prices", about)

    rows = unseen[COLUMNS].assign(_value=model.predict(unseen[COLUMNS]), _price=unseen["price"])
    rows.to_csv(HERE / "rows.csv", index=False)
    off = ((rows["_value"] - rows["_price"]).abs() / rows["_price"]).median()
    sys.stdout.write(f"{imported.folder}: off by {off:.1%} (median) for {UNSEEN:,} houses that it has not seen\n")


if __name__ == "__main__":
    main()
