-- Reads a lane of layout 1, which only scripts could read: it was packed. KEYS[1]: the partition. ARGV[1]: the lane's
-- encoded id. -> the rows of each table, as COLUMNS in former.py names them, all values as texts.

local partition, id = KEYS[1], ARGV[1]
local lane_key = partition .. 'lane:' .. id

local function unpacked(packed)
  local fits, value = pcall(cmsgpack.unpack, packed or '')
  return fits and type(value) == 'table' and value or {}
end

local function exact(number)
  return number and string.format('%.17g', number) or ''
end

local function hash(name, field)
  return redis.call('HGET', lane_key .. name, field)
end

local lane = unpacked(redis.call('GET', lane_key))
local touched = lane.touched or tonumber(redis.call('ZSCORE', partition .. 'lanes', id) or '')

local function entry(key, waiting)
  local found = unpacked(hash(':entries', key))
  local tries = hash(':tries', key) or '0'
  return {key, found.token or '', exact(found.at or touched), tries, waiting, found.record or ''}
end

local entries = {}
for _, key in ipairs(redis.call('ZRANGE', lane_key .. ':keys', 0, -1)) do
  entries[#entries + 1] = entry(key, '')
end
for _, key in ipairs(redis.call('LRANGE', lane_key .. ':waiting', 0, -1)) do
  entries[#entries + 1] = entry(key, '1')
end

local replies = {}
for _, reply_id in ipairs(redis.call('LRANGE', lane_key .. ':order', 0, -1)) do
  local reply = unpacked(hash(':replies', reply_id))
  replies[#replies + 1] = {
    reply_id, exact(reply.queued or touched), reply.status or 'waiting', tostring(reply.tries or 0), reply.provider or '',
    tostring(reply.code or ''), reply.record or '',
  }
end

-- Records that stand in the partition, behind a word and a space.
local function in_partition(name, ids)
  local found = {}
  for _, one in ipairs(ids) do
    local word, record = (redis.call('HGET', partition .. name, one) or ''):match('^(%S+) (.*)$')
    if record then
      found[#found + 1] = {one, word, record}
    end
  end
  return found
end

local conversation = redis.call('HMGET', lane_key .. ':conversation', 'version', 'at', 'record')
if conversation[3] then
  conversation = {{conversation[1] or '0', conversation[2] or exact(touched), conversation[3]}}
else
  conversation = {}
end

local opted_out = {}
for channel in (redis.call('HGET', partition .. 'optouts', id) or ''):gmatch('%S+') do
  opted_out[#opted_out + 1] = {channel}
end

local timeline = {}
for _, row in ipairs(redis.call('LRANGE', lane_key .. ':timeline', 0, -1)) do
  local at, record = row:match('^(%S+) (.*)$')
  if record then
    timeline[#timeline + 1] = {at, record}
  end
end

local effects = {}
for _, key in ipairs(redis.call('ZRANGE', lane_key .. ':effects:age', 0, -1)) do
  local effect = unpacked(hash(':effects', key))
  local at = redis.call('ZSCORE', lane_key .. ':effects:age', key)
  effects[#effects + 1] = {key, effect.token or '', at, effect.result or false}
end

local aside = {}
for _, packed in ipairs(redis.call('ZRANGE', lane_key .. ':aside', 0, -1)) do
  local one = unpacked(packed)
  aside[#aside + 1] = {one.kind or '', one.key or '', one.reason or '', exact(one.at or touched), one.record or ''}
end

return {
  {{exact(touched), exact(lane.wake)}},
  conversation,
  opted_out,
  entries,
  replies,
  in_partition('approvals', redis.call('SMEMBERS', lane_key .. ':approvals')),
  in_partition('tickets', redis.call('LRANGE', lane_key .. ':tickets', 0, -1)),
  timeline,
  effects,
  aside,
}
