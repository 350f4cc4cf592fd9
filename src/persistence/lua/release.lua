-- release: fence, holder, forgive ("1" or "")
local fence, holder, forgive = take_number(), take(), take()
local lane = read_lane()
if not lane or lane.fence ~= fence or lane.holder ~= holder then
  return 0
end
if forgive == '1' and lane.tried then
  local tries = tonumber(redis.call('HGET', lane_key .. ':tries', lane.tried)) or 0
  if tries > 0 then
    redis.call('HINCRBY', lane_key .. ':tries', lane.tried, -1)
  end
end
free(lane)
write_lane(lane)
return 1
