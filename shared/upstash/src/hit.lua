#!lua flags=allow-key-locking
-- With this flag Upstash locks only the keys below; without it the whole database.
--
-- Counts one hit in several sliding windows, in all of them or in none.
-- KEYS: one for each window. Its value is the times of its hits in order, in milliseconds, separated by
-- spaces.
-- ARGV: now, then limit and length of each window. Times stay text where possible, so that no digit is lost.
-- Returns for each window: hits in it, milliseconds until one more fits, and 1 if it had room or else 0.
local now = tonumber(ARGV[1])
local texts = redis.call('MGET', unpack(KEYS))
local logs, room = {}, true
for i = 1, #KEYS do
  local limit, length = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local hits = {}
  for hit in string.gmatch(texts[i] or '', '%-?%d+') do hits[#hits + 1] = hit end
  local moment = ARGV[1]
  -- After a clock that jumped back, the hit counts at the time of the last one.
  if #hits > 0 and tonumber(hits[#hits]) > now then moment = hits[#hits] end
  local first = 1
  while hits[first] and tonumber(moment) - tonumber(hits[first]) >= length do first = first + 1 end
  local used = #hits - first + 1
  if used >= limit then room = false end
  logs[i] = { hits, first, used, limit, length, moment, used < limit }
end
local answer = {}
for i = 1, #KEYS do
  local hits, first, used, limit, length, moment, admitted = unpack(logs[i])
  if room then
    hits[#hits + 1] = moment
    used = used + 1
    -- The key is stored a minute longer than it counts, because the clocks of callers and of Redis differ.
    local keep = string.format('%.0f', tonumber(moment) + length - now + 60000)
    redis.call('SET', KEYS[i], table.concat(hits, ' ', first), 'PX', keep)
  end
  local free = 0
  if used >= limit then free = tonumber(hits[#hits - limit + 1]) + length - now end
  answer[#answer + 1] = used
  answer[#answer + 1] = free
  answer[#answer + 1] = admitted and 1 or 0
end
return answer
