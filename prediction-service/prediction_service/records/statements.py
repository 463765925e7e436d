"""The statements that write the record, and read the responses that are kept with it."""

from prediction_service.records.record import COLUMN_TYPES

COLUMNS = ", ".join(COLUMN_TYPES)

ARRAYS = ", ".join(
    f"${number}::{'text' if kind.endswith('[]') else kind}[]" for number, kind in enumerate(COLUMN_TYPES.values(), 1)
)
"""A list per column; what is an array in a row is text in it."""

VALUES = ", ".join(f"{name}::{kind}" if kind.endswith("[]") else name for name, kind in COLUMN_TYPES.items())

ROWS = ", ".join(f"unnest({array}) AS {name}" for name, array in zip(COLUMN_TYPES, ARRAYS.split(", "), strict=True))
"""In the list of columns, where Postgres takes rows one by one; those of a function in FROM are put down first."""

ADD = f"""
INSERT INTO predictions.prediction ({COLUMNS})
SELECT {VALUES} FROM (SELECT {ROWS}) AS record
"""  # noqa: S608 - names and types of our own columns, nothing that came with a request
"""For records that are stored for the first time. Without ON CONFLICT, which makes Postgres look for each row, lock it
and write once more that it stays."""

NOT_ERASED = """NOT EXISTS (SELECT FROM predictions.erasure WHERE erasure.prediction_id = record.prediction_id)
AND NOT EXISTS (
    SELECT FROM predictions.erasure WHERE erasure.caller = record.caller AND record.created_at <= erasure.until
        AND coalesce(erasure.model_name, record.model_name) = record.model_name
)"""
"""What was erased while it waited in a journal, or was stored before, stays away. New predictions need no look."""

ADD_AGAIN = f"""{ADD}
WHERE (SELECT pg_logical_emit_message(true, 'modelserver', ''::text)) IS NOT NULL
    AND {NOT_ERASED}
ON CONFLICT DO NOTHING
"""
"""ADD for records that may be stored already. With synchronous replication a transaction that inserts nothing does not
wait for the standby, although the rows that it found may not have reached the standby yet. The message in the WAL makes
it wait, for its own position and thereby for all earlier ones."""

KEPT_UNDER, *RESPONSE_ARRAYS = (
    f"${number}::{kind}[]"
    for number, kind in enumerate(("bytea", "bytea", "bytea", "bytea", "text", "timestamptz"), len(COLUMN_TYPES) + 1)
)
"""Of each record the key that its request's response is kept under, or null; then a list per column of responses."""

EMPTY = "''::bytea"

ADD_WITH_RESPONSES = f"""
WITH told AS MATERIALIZED (
    SELECT record.*, {NOT_ERASED} AS stays FROM unnest({ARRAYS}, {KEPT_UNDER}) AS record ({COLUMNS}, kept_under)
), kept AS (
    INSERT INTO predictions.kept_response AS earlier (key, fingerprint, response, prediction_ids, created_at)
    SELECT key, CASE WHEN is_erased THEN {EMPTY} ELSE fingerprint END,
        CASE WHEN is_erased THEN {EMPTY} ELSE response END, prediction_ids::uuid[], created_at
    FROM unnest({", ".join(RESPONSE_ARRAYS)}) AS given (key, fingerprint, response, prediction_ids, created_at)
    CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM told WHERE kept_under = key AND NOT stays) AS is_erased) AS erased
    ORDER BY key -- two statements that have two keys in common wait for each other in one order
    ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, response = excluded.response,
        prediction_ids = excluded.prediction_ids, created_at = excluded.created_at
    WHERE earlier.created_at <= excluded.created_at - interval '24 hours' OR earlier.response = {EMPTY}
    RETURNING earlier.key
), added AS (
    INSERT INTO predictions.prediction ({COLUMNS})
    SELECT {VALUES} FROM told
    WHERE (SELECT pg_logical_emit_message(true, 'modelserver', ''::text)) IS NOT NULL
        AND (kept_under IS NULL OR kept_under IN (SELECT key FROM kept)) AND stays
    ON CONFLICT DO NOTHING
)
SELECT key FROM kept
"""  # noqa: S608 - as above
"""ADD and ADD_AGAIN for requests of which some have a response that is kept; records are added with it alone. Selects
the keys whose responses were kept now. Of a request of which something was erased meanwhile an empty response is kept,
which is none to whoever comes again; its other records are added."""

FIND_RESPONSES = f"""
SELECT key, fingerprint, response AS body FROM predictions.kept_response
WHERE key = ANY ($1::bytea[]) AND created_at > now() - $2 * interval '1 hour' AND response <> {EMPTY}
"""  # noqa: S608 - as above
