-- purge: one lane. older_than, age of keys, dry ("1" or ""), step -> conversations, timeline, replies, keys, effects,
-- tickets, set_aside, and whether there is more to do
local before, keys_before = now - take_number(), now - take_number()
local dry, step = take() == '1', take_number()
local lane = read_lane()
if is_busy(lane) then
  return {0, 0, 0, 0, 0, 0, 0, 0}
end
local more = 0
if not dry then
  drop('presence') -- it ran out, or the lane were busy
end

-- Count what is old in a sorted set by age, or delete one step of it.
local function old(ages, limit, hash)
  if dry then
    return redis.call('ZCOUNT', lane_key .. ages, '-inf', limit)
  end
  local members = redis.call('ZRANGEBYSCORE', lane_key .. ages, '-inf', limit, 'LIMIT', 0, step)
  for _, member in ipairs(members) do
    redis.call('ZREM', lane_key .. ages, member)
    if hash then
      redis.call('HDEL', lane_key .. hash, member)
    end
  end
  if #members == step then
    more = 1
  end
  return #members
end

local keys = old(':keys', keys_before, ':entries')
local effects = old(':effects:age', before, ':effects')
local aside = old(':aside', before)
if aside > 0 and not dry then
  count_aside()
end
local conversations, timeline, replies, tickets = 0, 0, 0, 0
-- Of a damaged lane, the partition still knows when it was touched.
local touched = lane and (lane.touched or tonumber(redis.call('ZSCORE', partition .. 'lanes', lane_id)))
local untouched = touched and touched <= before
if untouched and more == 0 then
  conversations, timeline = size('EXISTS', 'conversation'), size('LLEN', 'timeline')
  replies, tickets = size('HLEN', 'replies'), size('LLEN', 'tickets')
  if not dry then
    forget_lane()
  end
end
local left = redis.call('EXISTS', lane_key, lane_key .. ':entries', lane_key .. ':effects', lane_key .. ':aside')
if left == 0 then
  redis.call('ZREM', partition .. 'lanes', lane_id)
end
return {conversations, timeline, replies, keys, effects, tickets, aside, more}
