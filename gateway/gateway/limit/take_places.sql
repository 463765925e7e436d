-- One row per key; the migrations have the function.
SELECT granted
FROM gateway.take_places($1::text, $2::double precision, $3::uuid[], $4::integer[], $5::integer[], $6::integer[])
