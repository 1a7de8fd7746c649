/**
 * Begins every call: reads the log's state, makes it when there is none, and judges whether this server may have lost what
 * was acknowledged. It may have when it is not the process that took the last write (`run_id`), or when it was a replica in
 * between (`master_replid2`), unless it is proven that it came back with everything. Then positions given before may belong to
 * other entries, so the epoch changes and what is kept stays.
 */
export const LIFE: string = /* lua */ `
local K = KEYS[1]
local op, newEpoch = ARGV[1], ARGV[2]
local NAMES = {'format', 'epoch', 'born', 'last', 'time', 'count', 'bytes', 'trimmed', 'floor', 'first', 'oldest',
  'run', 'replid', 'safe', 'alone', 'stream', 'parts', 'damaged'}
local IDS, KEYS_OF, TOPICS, REMOVED, EMPTY, WAKE =
  K .. ':ids', K .. ':keys', K .. ':topics', K .. ':removed', K .. ':empty', K .. ':wake'

local function text(number) return string.format('%.0f', number) end
local function idOf(sequence) return text(sequence) .. '-0' end
local function sequenceOf(id) return tonumber(string.match(id, '^%d+')) end
local function timeOf(entry) return tonumber(string.match(entry[2][2], '^%d+')) end

local info = redis.pcall('INFO', 'server', 'replication')
if type(info) == 'table' then
  if string.find(info.err, 'syntax') then return redis.error_reply('UNSUPPORTED this server is older than Redis 7') end
  return info
end
-- Plain search and then a match in one place: looking for a pattern all through the text takes ten times as long as INFO itself.
local function told(name)
  local _, before = string.find(info, '\\n' .. name .. ':', 1, true)
  return before and string.match(info, '^%w+', before + 1)
end
if told('role') ~= 'master' then return redis.error_reply('READONLY this server is a replica') end
local run, replid = told('run_id'), told('master_replid')
local wasPromoted = string.find(told('master_replid2'), '[^0]') ~= nil
local hasReplicas = told('connected_slaves') ~= '0'

local state, isChanged, values = {}, false, redis.call('HMGET', K, unpack(NAMES))
for i, name in ipairs(NAMES) do state[name] = values[i] end
-- The id and the key in what is stored, or in what is given of it.
local function namesIn(more)
  local id, key = string.match(more, '^[^\\n]*%+\\n[^\\n]*\\n([^\\n]*)\\n([^\\n]*)')
  return id or '', key or ''
end

-- An id or a key belongs to its topic. JSON has no line break of its own, so that what is before the first is one of them.
local function keyOf(topic, key) return key .. '\\n' .. topic end
local function idMember(topic, id, sequence) return id .. '\\n' .. topic .. '\\n' .. text(sequence) end

local function remember(topic, id, key, sequence)
  if id ~= '' then redis.call('ZADD', IDS, 0, idMember(topic, id, sequence)) end
  if key ~= '' then redis.call('HSET', KEYS_OF, keyOf(topic, key), text(sequence)) end
end

local function forget(topic, id, key, sequence)
  if id ~= '' then redis.call('ZREM', IDS, idMember(topic, id, sequence)) end
  if key ~= '' then redis.call('HDEL', KEYS_OF, keyOf(topic, key)) end
end

-- The place of the entry with this id on a topic; nil when there is none. All members have the same score, so they lie in byte order.
local function withId(id, topic)
  local before = id .. '\\n' .. topic .. '\\n'
  local found = redis.call('ZRANGEBYLEX', IDS, '[' .. before, '(' .. before .. ':', 'LIMIT', 0, 1)[1]
  return found and string.sub(found, #before + 1)
end

local function streamOf(epoch) return K .. ':entries:' .. epoch end
local ENTRIES = streamOf(state.stream or '')

local function beginLife()
  redis.call('UNLINK', ENTRIES, IDS, KEYS_OF, TOPICS, REMOVED, EMPTY, WAKE)
  for _, name in ipairs({'last', 'time', 'count', 'bytes', 'trimmed', 'floor', 'first', 'oldest'}) do state[name] = 0 end
  state.format, state.epoch, state.born, state.stream = '2', newEpoch, newEpoch, newEpoch
  ENTRIES = streamOf(newEpoch)
  state.run, state.replid, state.safe, state.alone = run, replid, '', '1'
  isChanged = true
end

-- How many of the keys beside the entries there are. Only writes change that: another number means that one was removed.
local function partsNow() return text(redis.call('EXISTS', IDS, KEYS_OF, TOPICS, REMOVED, EMPTY)) end

local function settle()
  if state.stream == state.epoch then return end
  if redis.call('EXISTS', ENTRIES) == 1 then redis.call('RENAME', ENTRIES, streamOf(state.epoch)) end
  state.stream, isChanged = state.epoch, true
  ENTRIES = streamOf(state.epoch)
end

-- Makes everything but the entries again, from the entries. Marks of what was removed cannot be, so a new life begins.
local function repair()
  local old, sizes, at = K .. ':topic:' .. state.born .. ':', {}, '-'
  local known = redis.call('HKEYS', TOPICS)
  for _, name in ipairs(known) do redis.call('UNLINK', old .. name) end
  redis.call('UNLINK', IDS, KEYS_OF, TOPICS, REMOVED, EMPTY)
  state.epoch, state.born, state.trimmed, state.floor, state.damaged, isChanged = newEpoch, newEpoch, 0, 0, '', true
  while true do
    local found = redis.call('XRANGE', ENTRIES, at, '+', 'COUNT', 500)
    for _, entry in ipairs(found) do
      local topic, stored = entry[2][1], entry[2][2]
      if not sizes[topic] then
        sizes[topic] = 0
        redis.call('UNLINK', old .. topic)
      end
      sizes[topic] = sizes[topic] + string.match(stored, '^%d+ (%d+)')
      redis.call('XADD', K .. ':topic:' .. state.born .. ':' .. topic, entry[1], '', '')
      local id, key = namesIn(stored)
      remember(topic, id, key, sequenceOf(entry[1]))
    end
    if #found < 500 then break end
    at = '(' .. found[#found][1]
  end
  for topic, size in pairs(sizes) do redis.call('HSET', TOPICS, topic, text(size) .. ' 0') end
end

-- In format 1 an id or a key was taken for all topics. Once, all entries are gone through, about a million a second.
local function adopt()
  redis.call('UNLINK', IDS, KEYS_OF)
  local at = '-'
  while true do
    local found = redis.call('XRANGE', ENTRIES, at, '+', 'COUNT', 500)
    for _, entry in ipairs(found) do
      local id, key = namesIn(entry[2][2])
      remember(entry[2][1], id, key, sequenceOf(entry[1]))
    end
    if #found < 500 then break end
    at = '(' .. found[#found][1]
  end
  state.format, isChanged = '2', true
end

if not state.format and redis.call('EXISTS', K) == 1 then return redis.error_reply('FOREIGN the key holds something else') end
if state.format and state.format ~= '1' and state.format ~= '2' then return redis.error_reply('UNSUPPORTED a newer Onward wrote this log') end
-- A server without room takes no write that needs some as a script's first, and any after that. So an append fails before it
-- has changed anything, and whatever makes room goes through.
if op == 'append' then redis.call('HSET', K, 'format', '2') else redis.call('HDEL', K, 'nothing') end
if not state.format then
  beginLife()
else
  for _, name in ipairs({'last', 'time', 'count', 'bytes', 'trimmed', 'floor', 'first', 'oldest'}) do
    state[name] = tonumber(state[name])
  end
  if redis.call('XLEN', ENTRIES) ~= state.count then beginLife() end
  if state.format == '1' then adopt() end
  if state.damaged == '1' or (state.parts and state.parts ~= partsNow()) then repair() end
end

if state.run ~= run or state.replid ~= replid then
  local isSameProcess = state.run == run and not wasPromoted
  local isProven = state.run ~= run and not wasPromoted and state.safe == state.run and state.alone == '1'
    and string.find(redis.call('INFO', 'persistence'), 'aof_enabled:1')
  if not isSameProcess and not isProven then state.epoch = newEpoch end
  if state.run ~= run then state.safe, state.alone = '', '1' end
  state.run, state.replid, isChanged = run, replid, true
end
if hasReplicas and state.alone == '1' then state.alone, isChanged = '0', true end
-- whoever asks has seen more of this life than there is
if ARGV[3] == state.epoch and tonumber(ARGV[4]) > state.last then state.epoch = newEpoch end
-- A place and an epoch name one entry for ever. So that this is true of what a plain XRANGE finds, without this judgement, the
-- stream's key has the epoch in its name.
settle()

-- Only what changed: the rest would go to the append-only file and to replicas each time.
local function save()
  state.parts = partsNow()
  local fields = {}
  for i, name in ipairs(NAMES) do
    local value = state[name]
    if type(value) == 'number' then value = text(value) end
    if value ~= values[i] then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  if fields[1] then redis.call('HSET', K, unpack(fields)) end
end
local function averageOf() return math.max(1, math.ceil(state.bytes / math.max(1, state.count))) end
local function firstOf() return state.count > 0 and state.first or state.last end
local function answer(...)
  if isChanged then save() end
  local unknownRun = state.safe == '' and run or ''
  return {state.epoch, text(firstOf()), text(state.last), text(state.trimmed), text(averageOf()), unknownRun, ...}
end
`
