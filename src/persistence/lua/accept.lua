-- accept: token, not_after, entries (key, record) -> receipts
local token, not_after, entries = take(), take_number(), take_rows(2)
local lane = read_lane() or {}
local receipts, stored = accept(lane, token, not_after, entries)
if stored then
  write_lane(lane)
end
return receipts
