"""Streams: CSV and NDJSON in, the same out, row by row, with the answers of /predict/batch."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from prediction_service.api.schemas import BatchResponse
from prediction_tests.service import QUICK_MODELS, StartService, assert_problem
from prediction_tests.test_rows import CHURN_ROW, SERVED, TABLES, close, expected
from shared.testing.postgres import Database

CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def tables(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    root = tmp_path / "models"
    shutil.copytree(QUICK_MODELS, root)
    for name, export in SERVED.items():
        shutil.copytree(TABLES / export, root / name / "1.0.0", ignore=shutil.ignore_patterns("expect.json"))
    return await start_service(models_dir=root, store_inputs=True)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """As Python's own writer makes it, foreign to what reads it here."""
    out = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, names)
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: orjson.dumps(value).decode() if isinstance(value, list) else value for name, value in row.items()}
        )
    return out.getvalue().encode()


def as_ndjson(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


async def csv_lines(client: httpx.AsyncClient, body: bytes, **query: str) -> list[dict[str, str]]:
    answer = await client.post("/predict/batch", content=body, headers=CSV, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def ndjson_lines(client: httpx.AsyncClient, body: bytes, **query: str) -> tuple[list[dict[str, Any]], dict]:
    answer = await client.post("/predict/batch", content=body, headers=NDJSON, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    return lines, last


async def batch(client: httpx.AsyncClient, name: str, rows: list[dict[str, Any]]) -> list[Any]:
    answer = await client.post("/predict/batch", json={"rows": rows, "model_name": name})
    assert answer.status_code == 200, answer.text
    return BatchResponse.model_validate(answer.json()).predictions


@pytest.mark.parametrize("name", SERVED)
async def test_answers_are_those_of_a_batch(tables: httpx.AsyncClient, database: Database, name: str) -> None:
    rows = expected(name)["rows"]
    together = await batch(tables, name, rows)
    table = await csv_lines(tables, as_csv(rows), model_name=name)
    lines, last = await ndjson_lines(tables, as_ndjson(rows), model_name=name)
    assert last == {"done": True, "rows": len(rows), "failed": 0, "model_name": name, "model_version": "1.0.0"}
    extra = {"topics": "labels", "reduced": "vector"}.get(name)
    for number, (one, cells, line) in enumerate(zip(together, table, lines, strict=True), 1):
        assert (cells["row"], line["row"]) == (str(number), number)
        assert line["prediction_label"] == one.prediction_label
        assert cells["prediction_label"] == (one.prediction_label or "")
        for field in ("confidence", "prediction_value"):
            assert line[field] == close(getattr(one, field))
            assert (float(cells[field]) if cells[field] else None) == close(getattr(one, field))
        if extra:
            assert line[extra] == close(getattr(one.raw_output, extra))
            assert json.loads(cells[extra]) == close(getattr(one.raw_output, extra))
        assert cells["error"] == ""
    ids = {cells["prediction_id"] for cells in table} | {line["prediction_id"] for line in lines}
    recorded = {row["prediction_id"] for row in await database.fetch("SELECT * FROM predictions.prediction")}
    assert len(ids) == 2 * len(rows)
    assert {str(one) for one in recorded} >= ids


async def test_texts_with_quotes_commas_and_line_ends(client: httpx.AsyncClient) -> None:
    texts = ['I "love" it, truly.', "This is\nawful.\r\nReally.", "naïve, ünïcode 🎉", '"', "a,b", " spaced "]
    single = (await client.post("/predict/batch", json={"texts": texts})).json()["predictions"]
    table = await csv_lines(client, as_csv([{"_id": str(n), "text": text} for n, text in enumerate(texts)]))
    lines, _ = await ndjson_lines(client, as_ndjson([{"text": text} for text in texts]))
    assert [row["_id"] for row in table] == [str(n) for n in range(len(texts))]
    for one, cells, line in zip(single, table, lines, strict=True):
        assert cells["prediction_label"] == line["prediction_label"] == one["prediction_label"]
        assert float(cells["confidence"]) == line["confidence"] == one["confidence"]


async def test_what_begins_with_an_underscore_comes_out_as_it_went_in(client: httpx.AsyncClient) -> None:
    rows = [{"_id": 'a,"b"\n', "text": "fine", "_more": "ü"}, {"_id": "", "text": "", "_more": " "}]
    table = await csv_lines(client, as_csv(rows))
    assert [(row["_id"], row["_more"]) for row in table] == [('a,"b"\n', "ü"), ("", " ")]
    assert [row["error"] for row in table] == ["", "text is missing"]
    body = as_ndjson([{"_id": {"a": [1, None]}, "text": "fine"}, {"_id": 7, "inputs": {"text": "good"}}])
    lines, _ = await ndjson_lines(client, body)
    assert [line["_id"] for line in lines] == [{"a": [1, None]}, 7]
    assert [line["prediction_label"] for line in lines] == ["positive"] * 2


BAD_ROWS = [
    (b"41,20.5,3,gold,Izmir", "plan must be one of basic, family, premium"),
    (b"41,,3,basic,Izmir", "monthly fee is missing"),
    (b"x,1e400,3.5,basic,Izmir", "age must be"),
    (b"41,nan,3,basic,Izmir", "monthly fee must be a number"),
    (b"41,1_0,3,basic,Izmir", "monthly fee must be a number"),
    (b"41,20.5,3,basic", "has 4 cells, and the header 5"),
    (b"41,20.5,3,basic,Izmir,6", "has 6 cells, and the header 5"),
    (b'41,20.5,3,ba"sic,Izmir', "not valid CSV"),
    (b'41,20.5,3,"basic"x,Izmir', "not valid CSV"),
    (b"41,20.5,3,basic,\xff", "is not UTF-8: see its byte 16"),
    (b"41,20.5,3,basic,I\0r", "NUL"),
    (b"41,20.5,3,ba\rsic,Izmir", "not valid CSV"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS)
async def test_a_wrong_row_of_csv_costs_the_others_nothing(
    tables: httpx.AsyncClient, database: Database, bad: bytes, reason: str
) -> None:
    good = b"41,20.5,3,basic,Izmir"
    body = b"\r\n".join([b"age,monthly fee,calls,plan,city", good, bad, good, b""])
    first, wrong, last = await csv_lines(tables, body, model_name="churn")
    assert first["prediction_label"] == last["prediction_label"] != ""
    assert (wrong["row"], last["row"]) == ("2", "3")
    assert wrong["prediction_id"] == ""
    assert reason in wrong["error"]
    assert len(await database.fetch("SELECT 1 FROM predictions.prediction")) == 2


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "is not JSON"),
        (b"[1]", "is no JSON object"),
        (b'{"text": "a", "text": "b"}', "text stands there twice"),
        (b'{"inputs": {"text": "a", "t\\u0065xt": "b"}}', "inputs.text stands there twice"),
        (b'{"text": NaN}', "NaN and Infinity are no JSON"),
        (b'{"text": 1}', "text must be a text"),
        (b'{"text": "a", "x": 1}', "x is no input of this model, which takes text"),
        (b'{"text": "\\ud800"}', "is not JSON"),
        (b'{"text": "\xff"}', "is not JSON"),
        (b'{"text": ' + b"[" * 5000, "has more than 64 levels"),
        (b"{}", "text is missing"),
    ],
)
async def test_a_wrong_line_of_ndjson_costs_the_others_nothing(
    client: httpx.AsyncClient, bad: bytes, reason: str
) -> None:
    good = b'{"text": "I love it."}'
    lines, last = await ndjson_lines(client, b"\n".join([good, bad, b"", b"  ", good]))
    assert [line["row"] for line in lines] == [1, 2, 3]
    assert "prediction_id" in lines[0]
    assert "prediction_id" in lines[2]
    assert reason in lines[1]["error"]
    assert (last["done"], last["rows"], last["failed"]) == (True, 3, 1)


@pytest.mark.parametrize(
    ("header", "location", "message"),
    [
        (b"age,plan,calls,city", "body.header.monthly fee", "is missing"),
        (b"age,monthly fee,calls,plan,city,fee", "body.header.fee", "is no input of this model"),
        (b"age,monthly fee,calls,plan,city,age", "body.header.age", "stands there twice"),
        (b"age;monthly fee;calls;plan;city", "body.header", "must have commas between cells"),
        (b"_id\tage\tmonthly fee\tcalls\tplan\tcity", "body.header", "must have commas between cells"),
        (b'age,"monthly fee,calls', "body.header", "not valid CSV"),
        (b"\xff\xfea\0g\0e\0", "body.header", "is not UTF-8"),
        (b"", "body.header", "is missing"),
        (b"x" * 1_100_000, "body.header", "longer than 1048576 bytes"),
        (b",".join(b"_%d" % n for n in range(2001)), "body.header", "at most 2000 columns"),
    ],
)
async def test_a_wrong_header_is_refused_before_anything_is_computed(
    tables: httpx.AsyncClient, database: Database, header: bytes, location: str, message: str
) -> None:
    body = header + (b"\n41,20.5,3,basic,Izmir\n" if header else b"")
    answer = await tables.post("/predict/batch", content=body, headers=CSV, params={"model_name": "churn"})
    problem = assert_problem(answer, 422)
    found = {fault["location"]: fault["message"] for fault in problem["errors"]}
    assert message in found[location]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_columns_may_be_left_out_where_the_model_allows(tables: httpx.AsyncClient) -> None:
    optional = [one["name"] for one in churn_inputs(await tables.get("/models")) if not one["required"]]
    assert optional
    rows = [{name: value for name, value in CHURN_ROW.items() if name not in optional}]
    (without,) = await csv_lines(tables, as_csv(rows), model_name="churn")
    (empty,) = await csv_lines(tables, as_csv([CHURN_ROW | dict.fromkeys(optional, "")]), model_name="churn")
    (one,) = await batch(tables, "churn", rows)
    assert without["prediction_label"] == empty["prediction_label"] == one.prediction_label
    assert float(without["confidence"]) == float(empty["confidence"]) == close(one.confidence)


def churn_inputs(answer: httpx.Response) -> list[dict[str, Any]]:
    return next(model["inputs"] for model in answer.json()["models"] if model["name"] == "churn")


@pytest.mark.parametrize(
    ("query", "status", "location"),
    [
        ({"model_name": "nobody"}, 404, None),
        ({"model_version": "1.0"}, 422, "query.model_version"),
        ({"task_type": "regression", "model_name": "sentiment-lexicon"}, 422, "query.task_type"),
        ({"modelname": "a"}, 422, "query.modelname"),
        ({"include_metrics": "true"}, 422, "query.include_metrics"),
    ],
)
async def test_a_wrong_question_is_refused(
    client: httpx.AsyncClient, query: dict[str, str], status: int, location: str | None
) -> None:
    answer = await client.post("/predict/batch", content=b"text\nfine\n", headers=CSV, params=query)
    problem = assert_problem(answer, status)
    assert location is None or location in {fault["location"] for fault in problem["errors"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip"},
        {"Content-Type": "text/csv; charset=latin-1"},
        {"Content-Type": "text/x"},
        {"Content-Type": "application/jsonl"},
    ],
)
async def test_what_is_no_plain_stream_is_a_415(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    query = {"model_name": "sentiment-lexicon"}
    answer = await client.post("/predict/batch", content=b"text\nfine\n", headers=CSV | headers, params=query)
    detail = assert_problem(answer, 415)["detail"]
    assert "stream" in detail or "application/json, text/csv, application/x-ndjson" in detail


@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"\xef\xbb\xbftext\nfine\n", 1),
        (b"text\r\nfine\r\n\r\nbad", 2),
        (b"text\n", 0),
        (b'"text"\n"fine"', 1),
    ],
)
async def test_forms_of_csv_that_tools_write(client: httpx.AsyncClient, body: bytes, texts: int) -> None:
    table = await csv_lines(client, body)
    assert [row["error"] for row in table] == [""] * texts


async def test_an_empty_ndjson_is_complete(client: httpx.AsyncClient) -> None:
    lines, last = await ndjson_lines(client, b"")
    assert (lines, last["done"], last["rows"]) == ([], True, 0)
