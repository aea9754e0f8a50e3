#!lua flags=allow-key-locking
-- Upstash then locks the keys below; without the flag it locks the whole database.
--
-- Counts one hit in several sliding windows, in all of them or in none.
-- KEYS: a window each; its value is the times of its hits in order, in milliseconds, with a space between.
-- ARGV: now, then limit and length of each window. Times stay text where they can, so that no digit is lost.
-- Answers for each window in turn: hits in it, milliseconds until one more fits, 1 or 0 for whether it had room.
local now = tonumber(ARGV[1])
local texts = redis.call('MGET', unpack(KEYS))
local logs, room = {}, true
for i = 1, #KEYS do
  local limit, length = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local hits = {}
  for hit in string.gmatch(texts[i] or '', '%-?%d+') do hits[#hits + 1] = hit end
  local moment = ARGV[1]
  -- A clock that jumped back: the hit counts as of the last one.
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
    -- Kept a minute longer than it counts: the clocks of callers and of Redis differ.
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
