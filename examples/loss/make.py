"""What may a customer cost us? Ten lines of Python that call two other models, as a folder that the service serves.

    python examples/loss/make.py

Copies the graphs of churn and topics beside model.py, writes models/loss/1.0.0, and rows.csv: a thousand customers with
a message each, and what comes out by the numbers that scikit-learn itself gave for both (columns that begin with _).
"""

import csv
import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).parent
OTHERS = HERE.parent

GOLDEN = 12


def library_rows() -> list[dict[str, str]]:
    """Customers and messages, with what the libraries said about each."""
    rows = []
    with (OTHERS / "churn" / "rows.csv").open() as customers, (OTHERS / "topics" / "rows.csv").open() as messages:
        for customer, message in zip(csv.DictReader(customers), csv.DictReader(messages), strict=True):
            given = {name: value for name, value in {**customer, **message}.items() if not name.startswith("_")}
            sure = float(customer["_confidence"])
            leaves = sure if customer["_label"] == "leaves" else 1 - sure
            annoyed = 1 + float(message["_service"])
            rows.append({**given, "_value": str(12 * float(customer["monthly fee"]) * leaves * annoyed)})
    return rows


def as_inputs(row: dict[str, str]) -> dict[str, object]:
    """A row as a request has it; an age may not be known."""
    numbers = {"age": float, "monthly fee": float, "calls": int, "months": int}
    return {name: numbers.get(name, str)(value) for name, value in row.items() if value and not name.startswith("_")}


def main() -> None:
    """Writes the folder and the rows."""
    folder = HERE / "models" / "loss" / "1.0.0"
    shutil.rmtree(HERE / "models", ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("churn", "topics"):
        shutil.copy(OTHERS / name / "models" / name / "1.0.0" / "model.onnx", folder / f"{name}.onnx")
    for name in ("model.py", "model.toml"):
        shutil.copy(HERE / name, folder)
    rows = library_rows()
    golden = [
        {"inputs": as_inputs(row), "expect": {"value": float(row["_value"]), "tolerance": 0.01}}
        for row in rows[:GOLDEN]
    ]
    (folder / "golden.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in golden))
    with (HERE / "rows.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    sys.stdout.write(f"{folder}: {len(rows):,} rows\n")


if __name__ == "__main__":
    main()
