/** The functions that append. An append is one call, so it takes one round trip and one transaction. */
export const append = `
-- Begins a new epoch after a promotion or a restored backup, which can have lost entries. If commits waited for the standby, none were lost.
CREATE OR REPLACE FUNCTION onward.check_epoch(p_log onward.log) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  line integer := onward.timeline();
  here oid := 'onward.log'::regclass;
  name text := p_log.epoch;
BEGIN
  IF p_log.relation <> here OR (p_log.timeline <> line AND NOT p_log.replicated) THEN
    name := onward.new_epoch();
  END IF;
  UPDATE onward.log SET timeline = line, relation = here;
  RETURN name;
END
$$;

-- Called by each process that opens the log.
CREATE OR REPLACE FUNCTION onward.open() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  l onward.log;
  here text;
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN (SELECT epoch FROM onward.log);
  END IF;
  BEGIN
    SELECT system_identifier::text INTO here FROM pg_control_system();
  EXCEPTION WHEN insufficient_privilege THEN
    here := NULL;
  END;
  SELECT * INTO STRICT l FROM onward.log;
  IF l.timeline = onward.timeline() AND l.relation = 'onward.log'::regclass AND l.system IS NOT DISTINCT FROM coalesce(here, l.system) THEN
    RETURN l.epoch;
  END IF;
  SELECT * INTO STRICT l FROM onward.log FOR UPDATE;
  l.epoch := onward.check_epoch(l);
  IF l.system <> here THEN
    l.epoch := onward.new_epoch();
  END IF;
  UPDATE onward.log SET system = coalesce(here, system);
  RETURN l.epoch;
END
$$;

-- Stores calls, in order. p_calls has the number of messages of each call. Returns the result as JSON. Other appends wait meanwhile.
CREATE OR REPLACE FUNCTION onward.append(
  p_calls integer[], p_topics text[], p_data text[], p_events text[], p_ids text[], p_keys text[],
  p_retries double precision[], p_sizes integer[], p_now double precision, p_limits double precision[],
  p_wait integer, p_channel text
) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
  l onward.log;
  number integer := coalesce(cardinality(p_topics), 0);
  given record;
  before bigint;
  present double precision;
  touched integer[] := '{}';
  sequences bigint[];
  budget integer := 2000 + number;
  has_repeat boolean := false;
  is_replicated boolean := onward.is_replicated();
  same bigint;
  topic_id integer;
  was_empty boolean;
  at integer := 0;
BEGIN
  IF p_wait IS NOT NULL THEN
    PERFORM set_config('lock_timeout', p_wait::text, true);
  END IF;
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'local', true);
  END IF;
  SELECT * INTO STRICT l FROM onward.log FOR UPDATE;
  IF l.timeline <> onward.timeline() OR l.relation <> 'onward.log'::regclass THEN
    l.epoch := onward.check_epoch(l);
  END IF;
  before := l.last;
  present := greatest(l.time, coalesce(p_now, floor(extract(epoch FROM clock_timestamp()) * 1000)));

  IF p_ids IS NOT NULL OR p_keys IS NOT NULL THEN
    IF p_limits IS NOT NULL THEN
      budget := onward.apply_limits(present, touched, p_limits, budget);
      SELECT * INTO STRICT l FROM onward.log;
    END IF;
    has_repeat := EXISTS (
      SELECT FROM unnest(p_ids, p_topics) g(id, name) JOIN onward.topics t ON t.name = g.name COLLATE "C" JOIN onward.entries e
      ON hashtextextended(e.id, 0) = hashtextextended(g.id COLLATE "C", 0) AND e.topic = t.id
        AND e.id = g.id COLLATE "C" AND e.id IS NOT NULL
    ) OR EXISTS (
      SELECT FROM unnest(p_keys, p_topics) g(key, name) JOIN onward.topics t ON t.name = g.name COLLATE "C" JOIN onward.entries e
      ON hashtextextended(e.key, 0) = hashtextextended(g.key COLLATE "C", 0) AND e.topic = t.id
        AND e.key = g.key COLLATE "C" AND e.key IS NOT NULL
    ) OR EXISTS (
      SELECT FROM unnest(p_ids, p_topics) g(id, name) WHERE g.id IS NOT NULL
      GROUP BY g.id COLLATE "C", g.name COLLATE "C" HAVING count(*) > 1
    ) OR EXISTS (
      SELECT FROM unnest(p_keys, p_topics) g(key, name) WHERE g.key IS NOT NULL
      GROUP BY g.key COLLATE "C", g.name COLLATE "C" HAVING count(*) > 1
    );
  END IF;

  IF NOT has_repeat THEN
    INSERT INTO onward.topics (name, trimmed)
    SELECT DISTINCT g.name COLLATE "C", l.floor FROM unnest(p_topics) g(name)
    WHERE NOT EXISTS (SELECT FROM onward.topics t WHERE t.name = g.name COLLATE "C");
    GET DIAGNOSTICS same = ROW_COUNT;
    l.empty_topics := l.empty_topics + same;
    WITH given AS MATERIALIZED (
      SELECT g.n, t.id AS topic, g.data, g.event, g.id, g.key, g.retry, g.size
      FROM unnest(p_topics, p_data, p_events, p_ids, p_keys, p_retries, p_sizes) WITH ORDINALITY
        AS g(name, data, event, id, key, retry, size, n)
      JOIN onward.topics t ON t.name = g.name COLLATE "C"
    ), stored AS (
      INSERT INTO onward.entries (sequence, topic, time, size, event, id, key, retry, data)
      SELECT before + n, topic, present, size, event, id, key, retry, data FROM given ORDER BY n
    ), counted AS (
      UPDATE onward.topics t SET count = t.count + s.number, bytes = t.bytes + s.size
      FROM (SELECT topic, count(*) AS number, sum(size) AS size FROM given GROUP BY topic) s
      WHERE t.id = s.topic RETURNING t.id, s.number, s.size, (t.count = s.number)::integer AS was_empty
    )
    SELECT array_agg(c.id) AS ids, coalesce(sum(c.number), 0) AS number, coalesce(sum(c.size), 0) AS size,
      coalesce(sum(c.was_empty), 0) AS filled
    INTO given FROM counted c;
    touched := given.ids;
    l.last := l.last + given.number;
    l.count := l.count + given.number;
    l.bytes := l.bytes + given.size;
    l.empty_topics := l.empty_topics - given.filled;
  ELSE
    -- one by one: a message can repeat an earlier one, and storing it can remove older entries
    FOR c IN 1 .. cardinality(p_calls) LOOP
      IF c > 1 AND p_limits IS NOT NULL THEN
        UPDATE onward.log SET last = l.last, time = l.time, count = l.count, bytes = l.bytes, empty_topics = l.empty_topics;
        budget := onward.apply_limits(present, touched, p_limits, budget);
        SELECT * INTO STRICT l FROM onward.log;
      END IF;
      FOR i IN at + 1 .. at + p_calls[c] LOOP
        same := NULL;
        SELECT t.id, t.count = 0 INTO topic_id, was_empty FROM onward.topics t WHERE t.name = p_topics[i];
        IF topic_id IS NOT NULL AND p_ids[i] IS NOT NULL THEN
          SELECT e.sequence INTO same FROM onward.entries e
          WHERE hashtextextended(e.id, 0) = hashtextextended(p_ids[i] COLLATE "C", 0) AND e.topic = topic_id AND e.id = p_ids[i];
        END IF;
        IF same IS NULL AND topic_id IS NOT NULL AND p_keys[i] IS NOT NULL THEN
          SELECT e.sequence INTO same FROM onward.entries e
          WHERE hashtextextended(e.key, 0) = hashtextextended(p_keys[i] COLLATE "C", 0) AND e.topic = topic_id AND e.key = p_keys[i];
        END IF;
        IF same IS NULL THEN
          l.last := l.last + 1;
          same := l.last;
          IF topic_id IS NULL THEN
            INSERT INTO onward.topics (name, trimmed) VALUES (p_topics[i], l.floor) RETURNING id INTO topic_id;
            was_empty := false;
          END IF;
          IF was_empty THEN
            l.empty_topics := l.empty_topics - 1;
          END IF;
          INSERT INTO onward.entries (sequence, topic, time, size, event, id, key, retry, data)
          VALUES (same, topic_id, present, p_sizes[i], p_events[i], p_ids[i], p_keys[i], p_retries[i], p_data[i]);
          UPDATE onward.topics t SET count = t.count + 1, bytes = t.bytes + p_sizes[i] WHERE t.id = topic_id;
          l.count := l.count + 1;
          l.bytes := l.bytes + p_sizes[i];
          l.time := present;
          touched := touched || topic_id;
        END IF;
        sequences := sequences || same;
      END LOOP;
      at := at + p_calls[c];
    END LOOP;
  END IF;

  IF l.last > before THEN
    UPDATE onward.log SET last = l.last, time = present, count = l.count, bytes = l.bytes, empty_topics = l.empty_topics,
      replicated = is_replicated;
    IF p_channel IS NOT NULL THEN
      PERFORM pg_notify(p_channel, l.epoch || ' ' || l.last);
    END IF;
  END IF;
  IF p_limits IS NOT NULL AND (
    l.count > p_limits[1] OR l.bytes > p_limits[2] OR p_limits[4] < 'Infinity' OR p_limits[5] < 'Infinity'
    OR (p_limits[3] < 'Infinity' AND EXISTS (
      SELECT FROM (SELECT e.time FROM onward.entries e WHERE e.sequence > l.head ORDER BY e.sequence LIMIT 1) o
      WHERE o.time < present - p_limits[3]
    ))
  ) THEN
    budget := onward.apply_limits(present, touched, p_limits, budget);
  END IF;
  RETURN json_build_object(
    'epoch', l.epoch, 'previous', before, 'last', l.last, 'time', present, 'sequences', sequences, 'behind', budget <= 0
  );
END
$$;

-- For triggers and other SQL: publishes in the transaction. The processes that have the log open apply retention.
CREATE OR REPLACE FUNCTION onward.publish(topic text, data text, event text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF topic IS NULL OR topic = '' OR octet_length(topic) > 1024 OR topic ~ '[\\u0001-\\u001f\\u007f-\\u009f*]|(^|/):[A-Za-z_$]'
    OR event ~ '[\\r\\n]' OR event LIKE 'stream.%' THEN
    RAISE EXCEPTION 'this topic or event cannot be published' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM onward.append(
    '{1}', ARRAY[topic], ARRAY[replace(data, chr(26), chr(26) || '001a')], ARRAY[event], NULL, NULL, NULL,
    ARRAY[octet_length(topic) + octet_length(data) + coalesce(octet_length(event), 0)], NULL, NULL, NULL, 'SCHEMA_NAME_news'
  );
END
$$;
`
