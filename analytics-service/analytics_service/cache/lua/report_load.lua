-- Reads an entry and how long it still lives, in one step.
-- KEYS: name. Returns its text (nil: there is none) and milliseconds.
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
