#!lua flags=allow-oom
-- Settles KEYS[1], if ARGV[1] is the token of its owner. What was begun may end where memory has: nothing grows here.
-- ARGV: token, the state to go to, and the lease in microseconds if that is pending.
-- Answers 1, or 0: lost.
local record = '>I1I4I8I8c16c16'
local pending = 1

local value = redis.call('GET', KEYS[1])
if not value then return 0 end
if #value ~= 53 then return redis.error_reply('ERR the value is no record of truhook') end
local state, attempt, lease, expires, token, fingerprint = struct.unpack(record, value)
local to = tonumber(ARGV[2])

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
if token ~= ARGV[1] or (expires <= now and (state ~= pending or lease <= now)) then return 0 end
if state ~= pending then return state == to and 1 or 0 end

-- Where the key lives as long as before, which is to the end of its retention, the state alone changes.
if to ~= pending and lease <= expires and expires >= now + 500000 then
  redis.call('SETRANGE', KEYS[1], '0', string.char(to))
  return 1
end

if to == pending then lease = now + tonumber(ARGV[3]) end
local last = expires
if to == pending and lease > last then last = lease end
-- Half a second at least: a reply that was lost can be asked for again.
if last < now + 500000 then last = now + 500000 end
if to ~= pending and expires < last then expires = last end
value = struct.pack(record, to, attempt, lease, expires, token, fingerprint)
redis.call('SET', KEYS[1], value, 'PX', math.ceil((last - now) / 1000))
return 1
