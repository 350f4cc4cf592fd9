-- claim: holder, seconds, entries (key, record) -> fence, now, record, version, time, opt-outs, unreadable, waiting;
-- nothing while another holder's lease runs.
local holder, seconds, entries = take(), take_number(), take_rows(2)
local lane = read_lane() or {}
local _, stored = accept(lane, holder, nil, entries)
local again = lane.holder == holder
if not again and is_held(lane) then
  if stored then
    write_lane(lane)
  end
  return false
end
if not again then
  -- Never behind the clock: a server that lost its last second, or everything, does not hand out a fence again.
  local last = tonumber(redis.call('GET', partition .. 'fence')) or 0
  lane.fence = math.max(last + 1, math.floor(now * 1000))
  redis.call('SET', partition .. 'fence', string.format('%.0f', lane.fence))
  lane.holder, lane.tried, lane.unreadable = holder, nil, nil
end
lane.seconds, lane.till = seconds, now + seconds
touch(lane)
local waiting = take_up(lane, not again)
write_lane(lane)
local stored_as = redis.call('HMGET', lane_key .. ':conversation', 'record', 'version', 'at')
local opted_out = redis.call('HGET', partition .. 'optouts', lane_id)
return {lane.fence, exact(now), stored_as, opted_out, lane.unreadable and 1 or 0, waiting}
