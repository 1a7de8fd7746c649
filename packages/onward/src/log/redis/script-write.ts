/**
 * Storing and removing entries, and remembering the newest removed positions (marks). Each topic that a call touches has a row, which is
 * read once and written once. A budget limits long work: after a lowered limit, the server must still be able to run other commands.
 */
export const WRITE: string = /* lua */ `
-- The time of the server, the same for all processes: a process with a wrong clock must not expire shared entries.
local function present(given)
  return tonumber(given) or math.floor(tonumber(infoOf('server_time_usec')) / 1000)
end
local function limit(i) return tonumber(ARGV[i]) or math.huge end
local maxCount, maxBytes, maxAge, topicCount, topicBytes, maxMarks =
  limit(5), limit(6), limit(7), limit(8), limit(9), limit(10)
local hasTopicLimits = topicCount < math.huge or topicBytes < math.huge
local budget, isBehind = 1000, false
local rows = {}

local function rowOf(name)
  local row = rows[name]
  if row then return row end
  row = {key = K .. ':topic:' .. state.born .. ':' .. name, count = 0, bytes = 0, base = 0, gone = 0}
  local raw = redis.call('HGET', TOPICS, name)
  if raw then
    local bytes, base = string.match(raw, '^(%d+) (%d+)$')
    row.bytes, row.base, row.count = tonumber(bytes), tonumber(base), redis.call('XLEN', row.key)
    -- the topic has entries, but its index was removed from outside: the next call recreates it
    if row.count == 0 then state.damaged = '1' end
  elseif redis.call('ZREM', EMPTY, name) == 0 then
    row.base = state.floor
  end
  rows[name] = row
  return row
end

local function store(topic, data, size, more, time)
  local row, sequence = rowOf(topic), state.last + 1
  local stamp = idOf(sequence)
  redis.call('XADD', ENTRIES, stamp, topic, text(time) .. ' ' .. size .. more .. '\\n' .. data)
  redis.call('XADD', row.key, stamp, '', '')
  if state.count == 0 then state.first, state.oldest = sequence - 1, time end
  state.last, state.count, state.bytes = sequence, state.count + 1, state.bytes + size
  row.count, row.bytes = row.count + 1, row.bytes + size
  return sequence
end

-- Subtracts a removed entry, the oldest of its topic, from the counts.
local function subtract(entry)
  local fields, sequence = entry[2], sequenceOf(entry[1])
  local row, size = rowOf(fields[1]), string.match(fields[2], '^%d+ (%d+)')
  local id, key = namesIn(fields[2])
  forget(fields[1], id, key, sequence)
  state.count, state.bytes = state.count - 1, state.bytes - size
  state.trimmed = math.max(state.trimmed, sequence)
  row.count, row.bytes, row.gone = row.count - 1, row.bytes - size, sequence
  budget = budget - 1
  return sequence
end

local function findOldest()
  local oldest = redis.call('XRANGE', ENTRIES, '-', '+', 'COUNT', 1)[1]
  if not oldest then return end
  state.first = sequenceOf(oldest[1]) - 1
  state.oldest = timeOf(oldest)
end

local function trimTopic(row)
  local function isOver() return row.count > topicCount or row.bytes > topicBytes end
  local hadFirst = false
  while isOver() and budget > 0 do
    local count = math.max(1, math.min(row.count - topicCount, budget, 64))
    local found = redis.call('XRANGE', row.key, text(row.gone + 1), '+', 'COUNT', text(count))
    if not found[1] then break end
    for _, item in ipairs(found) do
      if not isOver() then break end
      local entry = redis.call('XRANGE', ENTRIES, item[1], item[1])[1]
      hadFirst = subtract(entry) == state.first + 1 or hadFirst
      redis.call('XDEL', ENTRIES, item[1])
    end
  end
  if hadFirst then findOldest() end
  if isOver() then isBehind = true end
end

local function trim(now, touched)
  if hasTopicLimits then for row in pairs(touched) do trimTopic(row) end end
  local function isOver(time) return state.count > maxCount or state.bytes > maxBytes or time < now - maxAge end
  while state.count > 0 and budget > 0 and isOver(state.oldest) do
    local count, upTo = math.max(1, math.min(state.count - maxCount, budget, 64)), nil
    for _, entry in ipairs(redis.call('XRANGE', ENTRIES, '-', '+', 'COUNT', text(count))) do
      if not isOver(timeOf(entry)) then break end
      upTo = subtract(entry)
    end
    redis.call('XTRIM', ENTRIES, 'MINID', text(upTo + 1))
    findOldest()
  end
  if state.count > 0 and isOver(state.oldest) then isBehind = true end
end

-- Merges the smallest marks of topics without entries into the floor, a tenth at once.
local function mergeMarks()
  local excess = redis.call('ZCARD', EMPTY) - maxMarks
  if excess <= 0 then return end
  local popped = redis.call('ZPOPMIN', EMPTY, text(excess + math.floor(maxMarks / 10)))
  for i = 1, #popped, 2 do
    redis.call('ZREM', REMOVED, popped[i])
    state.floor = math.max(state.floor, tonumber(popped[i + 1]))
  end
end

local function saveAll()
  for name, row in pairs(rows) do
    if row.gone > 0 then redis.call('ZADD', REMOVED, text(row.gone), name) end
    if row.count == 0 then
      redis.call('UNLINK', row.key)
      redis.call('HDEL', TOPICS, name)
      redis.call('ZADD', EMPTY, text(row.gone), name)
    else
      if row.gone > 0 then redis.call('XTRIM', row.key, 'MINID', text(row.gone + 1)) end
      redis.call('HSET', TOPICS, name, text(row.bytes) .. ' ' .. text(row.base))
    end
  end
  mergeMarks()
  save()
  isChanged = false
end

local function append(at)
  local writer = K .. ':writer:' .. ARGV[at]
  local batch = ARGV[at + 1]
  -- a client that lost its connection can send a finished batch again
  local done = redis.call('GET', writer)
  if done then
    local number, results = string.match(done, '^(%d+) (.*)$')
    if number == batch then return cjson.decode(results), false end
  end
  local results, start = {}, state.last
  at = at + 2
  while ARGV[at] do
    local time, count = math.max(state.time, present(ARGV[at])), tonumber(ARGV[at + 1])
    at, budget = at + 2, budget + count
    trim(time, {})
    local previous, sequences, touched, isPlain = state.last, {}, {}, true
    for i = 1, count do
      local topic, data, size, more = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
      at = at + 4
      local id, key = namesIn(more)
      local same = (id ~= '' and withId(id, topic)) or (key ~= '' and redis.call('HGET', KEYS_OF, keyOf(topic, key)))
      if same then
        sequences[i], isPlain = tonumber(same), false
      else
        local sequence = store(topic, data, size, more, time)
        remember(topic, id, key, sequence)
        sequences[i], touched[rowOf(topic)] = sequence, true
      end
    end
    if state.last > previous then state.time = time end
    trim(time, touched)
    -- without repeats, the sequence numbers follow \`previous\` and are left out
    results[#results + 1] = {text(previous), text(time), isPlain and 0 or sequences}
  end
  saveAll()
  redis.call('SET', writer, batch .. ' ' .. cjson.encode(results), 'PX', 600000)
  if state.last > start then redis.call('XADD', WAKE, 'MAXLEN', 1, idOf(state.last), 'epoch', state.epoch) end
  return results, isBehind
end

-- Removes entries on request. Given: the epoch, up to which place, how many at most, how many topics (-1 for all), and their names.
local function forgetEntries(at)
  local epoch, upTo, most, count = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local removed = 0
  if epoch ~= state.epoch or upTo > state.last then return 0 end
  while count < 0 and removed < most do
    local found, cut = redis.call('XRANGE', ENTRIES, '-', text(upTo), 'COUNT', math.min(64, most - removed)), nil
    if not found[1] then break end
    for _, entry in ipairs(found) do
      cut = subtract(entry)
      removed = removed + 1
    end
    redis.call('XTRIM', ENTRIES, 'MINID', text(cut + 1))
  end
  for i = at + 4, at + 3 + count do
    -- a topic without entries has no row, and one must not be made: its mark would be lost
    local row = redis.call('HEXISTS', TOPICS, ARGV[i]) == 1 and rowOf(ARGV[i])
    while row and removed < most do
      local found = redis.call('XRANGE', row.key, text(row.gone + 1), text(upTo), 'COUNT', math.min(64, most - removed))
      if not found[1] then break end
      for _, place in ipairs(found) do
        subtract(redis.call('XRANGE', ENTRIES, place[1], place[1])[1])
        redis.call('XDEL', ENTRIES, place[1])
        removed = removed + 1
      end
    end
  end
  if removed > 0 then findOldest() end
  saveAll()
  return removed
end

local function sweep(at)
  local now, cursor, touched = math.max(state.time, present(ARGV[at])), ARGV[at + 1], {}
  if hasTopicLimits then
    local found = redis.call('HSCAN', TOPICS, cursor, 'COUNT', 200)
    for i = 1, #found[2], 2 do touched[rowOf(found[2][i])] = true end
    -- the caller repeats this cursor while topics remain over their limits
    cursor = found[1]
  end
  trim(now, touched)
  saveAll()
  return cursor, isBehind
end
`
