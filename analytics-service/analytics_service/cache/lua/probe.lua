-- Does once all that the other scripts do, and leaves nothing behind. An error of Redis gets the command's name.
-- KEYS: a text, a list, a hash, a sorted set; all ours alone. ARGV: channel, life in ms of what a probe that dies leaves.
local text, list, hash, set, channel, life = KEYS[1], KEYS[2], KEYS[3], KEYS[4], ARGV[1], ARGV[2]
local commands = {
  {'TIME'},
  {'SET', text, '1', 'PX', life}, {'GET', text}, {'PTTL', text},
  {'LPUSH', list, '1'}, {'PEXPIRE', list, life}, {'LTRIM', list, 0, 0}, {'LINDEX', list, 0}, {'LRANGE', list, 0, -1},
  {'HSET', hash, 'field', 1}, {'EXPIRE', hash, 1}, {'HINCRBY', hash, 'field', 1}, {'HGET', hash, 'field'},
  {'HDEL', hash, 'field'},
  {'ZADD', set, 1, 'name'}, {'ZPOPMIN', set},
  {'PUBLISH', channel, 'nobody listens'},
  {'DEL', text, list, hash, set},
}
for _, command in ipairs(commands) do
  local answer = redis.pcall(unpack(command))
  if type(answer) == 'table' and answer.err then
    return redis.error_reply(answer.err .. ' [' .. string.lower(command[1]) .. ']')
  end
end
return 1
