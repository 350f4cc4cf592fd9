-- effect_begin: key, token -> state, result
local key, token = take(), take()
local effect = unpacked(redis.call('HGET', lane_key .. ':effects', key))
if not effect then
  redis.call('HSET', lane_key .. ':effects', key, cmsgpack.pack({token = token}))
  redis.call('ZADD', lane_key .. ':effects:age', now, key)
  redis.call('ZADD', partition .. 'lanes', 'NX', now, lane_id)
  return {'new', ''}
end
if effect.result then
  return {'done', effect.result}
end
return {effect.token == token and 'new' or 'unknown', ''}
