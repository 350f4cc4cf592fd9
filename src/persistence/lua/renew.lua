-- renew: fence, holder, seconds -> 1, or 0 when the lease is lost
local fence, holder, seconds = take_number(), take(), take_number()
local lane = read_lane()
if not lane or lane.fence ~= fence or lane.holder ~= holder then
  return 0
end
lane.seconds, lane.till = seconds, now + seconds
write_lane(lane)
return 1
