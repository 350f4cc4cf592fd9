-- present: -> call, replica; nothing when nobody is
local there = read_presence(lane_key)
return there and {there.call, there.replica}
