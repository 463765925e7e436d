-- One decision per client and cost; the migrations have the function, which is the sliding window itself.
SELECT granted, remaining, more_us, retry_us
FROM gateway.admit($1::text, $2::integer[], $3::bigint[], $4::text[], $5::integer[], $6::integer[])
