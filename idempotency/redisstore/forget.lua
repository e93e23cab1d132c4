#!lua flags=allow-oom
-- Removes the record KEYS[1] if it is done. Room may be made where memory has ended.
-- Answers 1, or 0: the record is under a running lease.
local record = '>I1I4I8I8c16c16'
local pending, done = 1, 3

local value = redis.call('GET', KEYS[1])
if not value then return 1 end
if #value ~= 53 then return redis.error_reply('ERR the value is no record of truhook') end
local state, attempt, lease = struct.unpack(record, value)
if state == done then redis.call('DEL', KEYS[1]) end
local time = redis.call('TIME')
if state == pending and lease > time[1] * 1000000 + time[2] then return 0 end
return 1
