/** Reading: pages, marks and places. A page ends early rather than being large or looking at too much. */
export const READ: string = /* lua */ `
local function namesFrom(at)
  local count = tonumber(ARGV[at])
  if count < 0 then return nil end
  local names, seen = {}, {}
  for i = at + 1, at + count do
    if not seen[ARGV[i]] then
      seen[ARGV[i]] = true
      names[#names + 1] = ARGV[i]
    end
  end
  return names
end

local function indexOf(name) return K .. ':topic:' .. state.born .. ':' .. name end

-- A topic that has entries has an index: else somebody has removed it, and readers of the topic would miss them.
local function checkIndexes(names)
  if not names or state.count == 0 then return end
  for from = 1, #names, 1000 do
    local upTo, keys = math.min(from + 999, #names), {}
    local rows = redis.call('HMGET', TOPICS, unpack(names, from, upTo))
    for i = from, upTo do if rows[i - from + 1] then keys[#keys + 1] = indexOf(names[i]) end end
    if keys[1] and redis.call('EXISTS', unpack(keys)) < #keys then
      repair()
      settle()
      return
    end
  end
end

-- How far each topic was removed beyond a place, of those named or of all: name, place, name, place.
local function removedAfter(from, names, maxMarks)
  local list = {}
  local function tell(name, to)
    if tonumber(to) > from then
      list[#list + 1] = name
      list[#list + 1] = to
    end
  end
  if not names then
    local found = redis.call('ZRANGEBYSCORE', REMOVED, '(' .. text(from), '+inf', 'WITHSCORES', 'LIMIT', 0, maxMarks + 1)
    if #found > maxMarks * 2 then return {'*', text(state.trimmed)} end
    tell('*', text(state.floor))
    for i = 1, #found, 2 do tell(found[i], text(tonumber(found[i + 1]))) end
    return list
  end
  for _, name in ipairs(names) do
    local own = redis.call('ZSCORE', REMOVED, name)
    local row = not own and redis.call('HGET', TOPICS, name)
    if own then tell(name, text(tonumber(own)))
    else tell('*', row and string.match(row, '%d+$') or text(state.floor)) end
  end
  return list
end

-- The places of the first entries on some topics, and up to where all of them were found.
local function placesAfter(from, names, wanted)
  local each = math.min(wanted, math.max(16, math.ceil(2 * wanted / math.max(1, #names))))
  local places, upTo = {}, state.last
  for _, name in ipairs(names) do
    local found = redis.call('XRANGE', indexOf(name), text(from + 1), '+', 'COUNT', each)
    for i, place in ipairs(found) do places[#places + 1] = sequenceOf(place[1]) end
    if #found == each then upTo = math.min(upTo, places[#places]) end
  end
  table.sort(places)
  return places, upTo
end

local function read(at)
  local epoch, after, wanted = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local maxBytes, maxMarks, names = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), namesFrom(at + 5)
  checkIndexes(names)
  local isHere = epoch == state.epoch and after <= state.last
  local from = isHere and after or epoch == state.epoch and state.last or firstOf()
  local removed = isHere and from < state.trimmed and removedAfter(from, names, maxMarks) or {}
  local entries, n, bytes, newest = {}, 0, 0, from
  local function take(entry)
    local fields = entry[2]
    entries[n + 1], entries[n + 2], entries[n + 3] = entry[1], fields[1], fields[2]
    n = n + 3
    bytes, newest = bytes + #fields[1] + #fields[2], sequenceOf(entry[1])
    return n >= wanted * 3 or bytes >= maxBytes
  end
  local each = math.max(1, math.min(wanted, 128, math.floor(maxBytes / averageOf())))
  local function all()
    while newest < state.last do
      local found = redis.call('XRANGE', ENTRIES, text(newest + 1), '+', 'COUNT', each)
      for _, entry in ipairs(found) do if take(entry) then return newest end end
      if #found < each then break end
    end
    return state.last
  end
  local function some()
    local places, upTo = placesAfter(from, names, wanted)
    local i = 1
    while places[i] and places[i] <= upTo do
      local first = i
      -- neighbours in one go: a call costs as much as three entries
      while places[i + 1] == places[i] + 1 and places[i + 1] <= upTo and i - first + 1 < each do i = i + 1 end
      for _, entry in ipairs(redis.call('XRANGE', ENTRIES, idOf(places[first]), idOf(places[i]))) do
        if take(entry) then return newest end
      end
      i = i + 1
    end
    return upTo
  end
  local nextAt = from
  if from < state.last then nextAt = names and some() or all() end
  return text(nextAt), removed, entries
end

-- Times never fall, so that halving finds the place without an index.
local function beforeTime(since)
  local function entryFrom(sequence) return redis.call('XRANGE', ENTRIES, text(sequence), '+', 'COUNT', 1)[1] end
  local low, high = firstOf() + 1, state.last + 1
  while low < high do
    local middle = low + math.floor((high - low) / 2)
    local entry = entryFrom(middle)
    if not entry or timeOf(entry) >= since then high = middle
    else low = sequenceOf(entry[1]) + 1 end
  end
  -- entries may be missing just before the one that was found
  local found = entryFrom(low)
  return found and sequenceOf(found[1]) - 1 or state.last
end

local function beforeLast(wanted, names)
  if wanted <= 0 then return state.last end
  if not names and wanted >= state.count then return firstOf() end
  if not names and state.count == state.last - state.first then return state.last - wanted end
  local newest, sources = {}, {ENTRIES}
  if names then
    sources = {}
    for i, name in ipairs(names) do sources[i] = indexOf(name) end
  end
  for _, source in ipairs(sources) do
    local left, at = wanted, '+'
    while left > 0 do
      local found = redis.call('XREVRANGE', source, at, '-', 'COUNT', math.min(left, 128))
      for _, place in ipairs(found) do newest[#newest + 1] = sequenceOf(place[1]) end
      if #found < math.min(left, 128) then break end
      left, at = left - #found, '(' .. found[#found][1]
    end
  end
  if #newest < wanted then return firstOf() end
  table.sort(newest)
  return newest[#newest - wanted + 1] - 1
end

local function oldestWithId(id, names)
  local oldest = ''
  for _, name in ipairs(names) do
    local found = withId(id, name)
    if found and (oldest == '' or tonumber(found) < tonumber(oldest)) then oldest = found end
  end
  return oldest
end

-- Topic and place of every entry with this id; none when there are more than so many.
local function allWithId(id, most)
  local found = redis.call('ZRANGEBYLEX', IDS, '[' .. id .. '\\n', '(' .. id .. '\\011', 'LIMIT', 0, most + 1)
  local list = {}
  if #found > most then return list end
  for _, member in ipairs(found) do
    local topic, place = string.match(string.sub(member, #id + 2), '^(.*)\\n(%d+)$')
    list[#list + 1] = topic
    list[#list + 1] = place
  end
  return list
end

local function locate(at)
  local kind, value = ARGV[at], ARGV[at + 1]
  if kind == 'id' then return oldestWithId(value, namesFrom(at + 3)), ARGV[at + 2] == '0' and {} or allWithId(value, tonumber(ARGV[at + 2])) end
  if kind == 'since' then return text(beforeTime(tonumber(value))) end
  local names = namesFrom(at + 2)
  checkIndexes(names)
  return text(beforeLast(tonumber(value), names))
end
`
