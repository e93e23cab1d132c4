-- Moves the resource KEYS[1] forward to ARGV[1], in microseconds since 1970, and keeps it for ARGV[2] milliseconds.
-- Answers 1 newer, 2 same, 3 older.
local at, value = tonumber(ARGV[1]), redis.call('GET', KEYS[1])
if value then
  local newest = tonumber(value)
  if not newest then return redis.error_reply('ERR the value is no record of truhook') end
  if newest == at then return 2 end
  if newest > at then return 3 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
