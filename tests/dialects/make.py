"""Writes the CSV files beside this script, as pandas and DuckDB write them: pip install pandas duckdb."""

from pathlib import Path

import duckdb
import pandas as pd

HERE = Path(__file__).parent
ROWS = pd.DataFrame(
    {
        "Kunde": ["Ärmel & Söhne", None],
        "monthly fee": [79.5, 12.25],
        "calls": [6, 0],
        "months": [3.0, 40.0],
        "plan": ["basic", "family"],
        "city": ["Izmir", "Ankara"],
        "note": ['say "hello",\nthen leave', "1;2"],
    }
)

ROWS.to_csv(HERE / "pandas.csv")  # with its index, a column without a name
duckdb.sql("SELECT * FROM ROWS").write_csv(str(HERE / "duckdb.csv"))
duckdb.sql("SELECT * FROM ROWS").write_csv(str(HERE / "duckdb-pipe.csv"), sep="|", quoting="ALL")
