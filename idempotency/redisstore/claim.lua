-- Claims KEYS[1] for the token ARGV[1].
-- ARGV: token, fingerprint, lease and retention in microseconds, retention in milliseconds.
-- Answers 1 if the event is new, else {1 owned, 2 busy, 3 done; attempt; microseconds left, if busy; fingerprint}.
--
-- A record is 53 bytes: state (1 pending, 2 released, 3 done), attempt, end of the lease, end of the retention (both in
-- microseconds since 1970, by the server's clock), token, fingerprint.
local record = '>I1I4I8I8c16c16'
local pending, released, done = 1, 2, 3

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local lease, expires = now + ARGV[3], now + ARGV[4]
local attempt, fingerprint = 1, ARGV[2]

-- Most events are new, and one command decides that: it writes, or answers with what is there and changes nothing.
-- Texts are passed on as they came, as Redis is slow to write a number out.
local value = struct.pack(record, pending, attempt, lease, expires, ARGV[1], fingerprint)
value = redis.pcall('SET', KEYS[1], value, 'PX', ARGV[5], 'NX', 'GET')
if not value then return 1 end
-- A server that is full refuses to write, but a duplicate needs no room.
if type(value) == 'table' then value = redis.call('GET', KEYS[1]) end
if value then
  if #value ~= 53 then return redis.error_reply('ERR the value is no record of truhook') end
  local state, before, ends, over, token, first = struct.unpack(record, value)
  -- Redis may keep a key for some time after its end, and a clock may have been set back: this decides.
  local forgotten = over <= now and (state ~= pending or ends <= now)
  if not forgotten then
    local mine = state == pending and token == ARGV[1]
    if state == done then return {3, before, 0, first} end
    if state == pending and ends > now and not mine then return {2, before, ends - now, first} end
    expires, fingerprint, attempt = over, first, before
    if not mine and attempt < 4294967295 then attempt = attempt + 1 end
  end
end

value = struct.pack(record, pending, attempt, lease, expires, ARGV[1], fingerprint)
redis.call('SET', KEYS[1], value, 'PX', math.ceil((math.max(lease, expires) - now) / 1000))
return {1, attempt, 0, fingerprint}
