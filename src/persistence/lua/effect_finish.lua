-- effect_finish: key, result
local key, result = take(), take()
local effect = unpacked(redis.call('HGET', lane_key .. ':effects', key)) or {token = ''}
if effect.result then
  return 0
end
effect.result = result
redis.call('HSET', lane_key .. ':effects', key, cmsgpack.pack(effect))
redis.call('ZADD', lane_key .. ':effects:age', now, key)
redis.call('ZADD', partition .. 'lanes', 'NX', now, lane_id)
return 1
