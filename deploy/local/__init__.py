"""`make run`: the whole product on one machine, without Docker, a server or a key."""
