-- presence: call, replica, seconds, renew ("1" or "")
local call, replica, seconds, renew = take(), take(), take_number(), take() == '1'
local there = read_presence(lane_key)
local mine = there ~= nil and there.call == call and there.replica == replica
if seconds > 0 and not (renew and there and not mine) then
  local packed = cmsgpack.pack({call = call, replica = replica, till = now + seconds})
  redis.call('SET', lane_key .. ':presence', packed, 'PX', math.ceil(seconds * 1000))
elseif seconds <= 0 and mine then
  redis.call('DEL', lane_key .. ':presence')
end
