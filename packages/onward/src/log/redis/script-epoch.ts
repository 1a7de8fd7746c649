/**
 * The first part of every call: reads the state of the log, creates it if it does not exist, and checks whether this server can
 * have lost acknowledged entries. It can if it is not the process that took the last write (`run_id`), or if it was a replica in
 * between (`master_replid2`), unless it has certainly restored everything. Earlier positions could then name other entries, so
 * a new epoch begins. The kept entries stay.
 */
export const EPOCH: string = /* lua */ `
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
-- A plain search, then a match at one index: a pattern search through the whole text takes ten times as long as INFO itself.
local function infoOf(name)
  local _, before = string.find(info, '\\n' .. name .. ':', 1, true)
  return before and string.match(info, '^%w+', before + 1)
end
if infoOf('role') ~= 'master' then return redis.error_reply('READONLY this server is a replica') end
local run, replid = infoOf('run_id'), infoOf('master_replid')
local wasPromoted = string.find(infoOf('master_replid2'), '[^0]') ~= nil
local hasReplicas = infoOf('connected_slaves') ~= '0'

local state, isChanged, values = {}, false, redis.call('HMGET', K, unpack(NAMES))
for i, name in ipairs(NAMES) do state[name] = values[i] end
-- The id and the idempotency key of a stored entry, or of the encoded fields of a message.
local function namesIn(more)
  local id, key = string.match(more, '^[^\\n]*%+\\n[^\\n]*\\n([^\\n]*)\\n([^\\n]*)')
  return id or '', key or ''
end

-- Ids and keys are unique within a topic. JSON has no line breaks, so the id or key is the text before the first one.
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

-- The sequence number of the entry with this id on a topic, or nil. All members have the same score, so they are in byte order.
local function withId(id, topic)
  local before = id .. '\\n' .. topic .. '\\n'
  local found = redis.call('ZRANGEBYLEX', IDS, '[' .. before, '(' .. before .. ':', 'LIMIT', 0, 1)[1]
  return found and string.sub(found, #before + 1)
end

local function streamOf(epoch) return K .. ':entries:' .. epoch end
local ENTRIES = streamOf(state.stream or '')

local function createLog()
  redis.call('UNLINK', ENTRIES, IDS, KEYS_OF, TOPICS, REMOVED, EMPTY, WAKE)
  for _, name in ipairs({'last', 'time', 'count', 'bytes', 'trimmed', 'floor', 'first', 'oldest'}) do state[name] = 0 end
  state.format, state.epoch, state.born, state.stream = '2', newEpoch, newEpoch, newEpoch
  ENTRIES = streamOf(newEpoch)
  state.run, state.replid, state.safe, state.alone = run, replid, '', '1'
  isChanged = true
end

-- The number of existing keys besides the entries. Only writes of the log change it: another number means that a key was removed.
local function partsNow() return text(redis.call('EXISTS', IDS, KEYS_OF, TOPICS, REMOVED, EMPTY)) end

local function renameStream()
  if state.stream == state.epoch then return end
  if redis.call('EXISTS', ENTRIES) == 1 then redis.call('RENAME', ENTRIES, streamOf(state.epoch)) end
  state.stream, isChanged = state.epoch, true
  ENTRIES = streamOf(state.epoch)
end

-- Recreates all keys from the entries. The newest removed positions cannot be recreated, so a new epoch begins.
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

-- In format 1, ids and keys were unique in the whole log. Reads all entries once, about a million a second.
local function migrate()
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

if not state.format and redis.call('EXISTS', K) == 1 then return redis.error_reply('FOREIGN the key does not hold a log') end
if state.format and state.format ~= '1' and state.format ~= '2' then return redis.error_reply('UNSUPPORTED a newer version of Onward wrote this log') end
-- A server without free memory refuses a write that needs memory if it is the first write of a script, and accepts all later ones.
-- So an append fails before it has changed anything, and calls that free memory succeed.
if op == 'append' then redis.call('HSET', K, 'format', '2') else redis.call('HDEL', K, 'nothing') end
if not state.format then
  createLog()
else
  for _, name in ipairs({'last', 'time', 'count', 'bytes', 'trimmed', 'floor', 'first', 'oldest'}) do
    state[name] = tonumber(state[name])
  end
  if redis.call('XLEN', ENTRIES) ~= state.count then createLog() end
  if state.format == '1' then migrate() end
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
-- the caller has seen entries of this epoch that are missing
if ARGV[3] == state.epoch and tonumber(ARGV[4]) > state.last then state.epoch = newEpoch end
-- An epoch and a sequence number name one entry only. The key of the stream contains the epoch, so that this is also true for a
-- plain XRANGE without this check.
renameStream()

-- Writes only changed fields: the others would go to the append-only file and to replicas with each call.
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
