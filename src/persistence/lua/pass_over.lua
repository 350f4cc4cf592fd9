-- pass_over: what a claim or commit handed out and could not be read is set aside, in the holder's name.
-- fence, holder, token (of the commit, "" for a claim), conversation ("1" or ""), its version, keys -> waiting
local fence, holder, token, whole, version = take_number(), take(), take(), take(), take()
local keys = take_rows(1)
local lane = read_lane()
if not lane or lane.fence ~= fence then
  return false
end
local conversation = lane_key .. ':conversation'
if whole == '1' and (redis.call('HGET', conversation, 'version') or '') == version then
  set_aside('conversation', '', 'unreadable', redis.call('HGET', conversation, 'record') or '')
  redis.call('UNLINK', conversation)
  redis.call('ZREM', partition .. 'recent', lane_id)
  lane.unreadable = true
end
for _, row in ipairs(keys) do
  set_entry_aside(row[1], 'unreadable')
  if lane.tried == row[1] then
    lane.tried = nil
  end
end
local held = lane.holder == holder
-- A claim repeated by its holder raises no try; neither does this script when it is repeated.
local waiting = take_up(lane, held and #keys > 0 and not lane.tried)
settle_due(lane)
if token ~= '' then
  if held and not waiting[1] then
    free(lane)
  end
  local answer = unpacked(redis.call('HGET', lane_key .. ':answers', token))
  if answer then
    answer[2] = waiting
    redis.call('HSET', lane_key .. ':answers', token, cmsgpack.pack(answer))
  end
end
write_lane(lane)
return waiting
