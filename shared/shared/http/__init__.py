"""The HTTP server that all services share: what a stranger may send, and what it may cost.

The stops of a request: door (who may connect) → connection (bytes, phases, deadlines) → head and body (framing as
RFC 9112 says, or stricter) → exchange (the ASGI application) → response head. `refusal` says no to what is not
understood.
"""
