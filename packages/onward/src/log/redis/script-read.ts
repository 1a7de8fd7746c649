/** Reading: pages, losses and positions. A page ends early, before it gets too large or takes too long. */
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

-- A topic with entries has an index. Without it, the key was removed from outside, and readers of the topic would miss entries.
local function checkIndexes(names)
  if not names or state.count == 0 then return end
  for from = 1, #names, 1000 do
    local upTo, keys = math.min(from + 999, #names), {}
    local rows = redis.call('HMGET', TOPICS, unpack(names, from, upTo))
    for i = from, upTo do if rows[i - from + 1] then keys[#keys + 1] = indexOf(names[i]) end end
    if keys[1] and redis.call('EXISTS', unpack(keys)) < #keys then
      repair()
      renameStream()
      return
    end
  end
end

-- The newest removed sequence numbers after \`from\`, of the named topics or of all: name, number, name, number.
local function removedAfter(from, names, maxMarks)
  local list = {}
  local function add(name, to)
    if tonumber(to) > from then
      list[#list + 1] = name
      list[#list + 1] = to
    end
  end
  if not names then
    local found = redis.call('ZRANGEBYSCORE', REMOVED, '(' .. text(from), '+inf', 'WITHSCORES', 'LIMIT', 0, maxMarks + 1)
    if #found > maxMarks * 2 then return {'*', text(state.trimmed)} end
    add('*', text(state.floor))
    for i = 1, #found, 2 do add(found[i], text(tonumber(found[i + 1]))) end
    return list
  end
  for _, name in ipairs(names) do
    local own = redis.call('ZSCORE', REMOVED, name)
    local row = not own and redis.call('HGET', TOPICS, name)
    if own then add(name, text(tonumber(own)))
    else add('*', row and string.match(row, '%d+$') or text(state.floor)) end
  end
  return list
end

-- The sequence numbers of the first entries on some topics, and the number up to which the list is complete.
local function sequencesAfter(from, names, wanted)
  local each = math.min(wanted, math.max(16, math.ceil(2 * wanted / math.max(1, #names))))
  local sequences, upTo = {}, state.last
  for _, name in ipairs(names) do
    local found = redis.call('XRANGE', indexOf(name), text(from + 1), '+', 'COUNT', each)
    for i, item in ipairs(found) do sequences[#sequences + 1] = sequenceOf(item[1]) end
    if #found == each then upTo = math.min(upTo, sequences[#sequences]) end
  end
  table.sort(sequences)
  return sequences, upTo
end

local function read(at)
  local epoch, after, wanted = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local maxBytes, maxMarks, names = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), namesFrom(at + 5)
  checkIndexes(names)
  local isKnown = epoch == state.epoch and after <= state.last
  local from = isKnown and after or epoch == state.epoch and state.last or firstOf()
  local removed = isKnown and from < state.trimmed and removedAfter(from, names, maxMarks) or {}
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
    local sequences, upTo = sequencesAfter(from, names, wanted)
    local i = 1
    while sequences[i] and sequences[i] <= upTo do
      local first = i
      -- adjacent entries in one command: a command costs as much as three entries
      while sequences[i + 1] == sequences[i] + 1 and sequences[i + 1] <= upTo and i - first + 1 < each do i = i + 1 end
      for _, entry in ipairs(redis.call('XRANGE', ENTRIES, idOf(sequences[first]), idOf(sequences[i]))) do
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

-- Times never decrease, so a binary search finds the position without an index.
local function beforeTime(since)
  local function entryFrom(sequence) return redis.call('XRANGE', ENTRIES, text(sequence), '+', 'COUNT', 1)[1] end
  local low, high = firstOf() + 1, state.last + 1
  while low < high do
    local middle = low + math.floor((high - low) / 2)
    local entry = entryFrom(middle)
    if not entry or timeOf(entry) >= since then high = middle
    else low = sequenceOf(entry[1]) + 1 end
  end
  -- entries just before the found one can be missing
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
      for _, item in ipairs(found) do newest[#newest + 1] = sequenceOf(item[1]) end
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

-- Topic and sequence number of every entry with this id. Empty when there are more than \`limit\`.
local function allWithId(id, limit)
  local found = redis.call('ZRANGEBYLEX', IDS, '[' .. id .. '\\n', '(' .. id .. '\\011', 'LIMIT', 0, limit + 1)
  local list = {}
  if #found > limit then return list end
  for _, member in ipairs(found) do
    local topic, sequence = string.match(string.sub(member, #id + 2), '^(.*)\\n(%d+)$')
    list[#list + 1] = topic
    list[#list + 1] = sequence
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
