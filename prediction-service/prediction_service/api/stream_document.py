"""What the OpenAPI document says of streams, which share their path with JSON."""

from typing import Any

from shared.http.streams import CSV, NDJSON


def body(description: str, example: str | None = None) -> dict[str, Any]:
    """A body or response of lines."""
    schema = {"type": "string", "description": description}
    return {"schema": schema} if example is None else {"schema": schema, "example": example}


CSV_BODY = body(
    "A header that names the model's inputs, then a row a line, RFC 4180 in UTF-8, of any length. An empty cell is "
    "missing; columns whose names begin with `_` are passed through",
    "_id,text\r\n1,What a wonderful little server!\r\n",
)
NDJSON_BODY = body(
    'A line is the inputs of a row, as `{"_id": 1, "text": "What a wonderful little server!"}`, or `{"inputs": {…}}`, '
    "of any length. Keys that begin with `_` are passed through",
)
CSV_RESPONSE = body(
    "A line for each row, in order: what is passed through, `row`, `prediction_id`, `prediction_label`, `confidence`, "
    "`prediction_value`, `labels`, `vector` or `outputs` as the task has them, and `error`, why there is no "
    "prediction. Complete if the response has its proper end; the last `row` says how far one that broke off came",
    "_id,row,prediction_id,prediction_label,confidence,prediction_value,error\r\n"
    "1,1,01938d7e-5b1f-7c3a-9d52-3f6f0c8f2a11,positive,0.93,,\r\n",
)
NDJSON_RESPONSE = body(
    'The same, an object a line; then `{"done": true, "rows": …, "failed": …}`, or `{"done": false, …, "error": …}`',
    '{"_id":1,"row":1,"prediction_id":"01938d7e-5b1f-7c3a-9d52-3f6f0c8f2a11","prediction_label":"positive",'
    '"confidence":0.93,"prediction_value":null}\n{"done":true,"rows":1,"failed":0,"model_name":"sentiment",'
    '"model_version":"1.0.0"}\n',
)

STREAMS: dict[str, Any] = {
    "requestBody": {"content": {CSV: CSV_BODY, NDJSON: NDJSON_BODY}},
    "responses": {"200": {"content": {CSV: CSV_RESPONSE, NDJSON: NDJSON_RESPONSE}}},
}
"""What is added to the operation of /predict/batch."""
