-- wrk: a POST from always the same client.
wrk.method = "POST"
wrk.body = '{"text": "What a wonderful little server!"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["X-Forwarded-For"] = "192.0.2.1"
