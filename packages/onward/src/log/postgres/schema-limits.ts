/** The functions that apply retention. The caller must have locked the row of the log. */
export const limits = (maxMarks: number): string => `
-- Removes entries up to a sequence number, of one topic or of all, and subtracts them from the counts of their topics.
CREATE OR REPLACE FUNCTION onward.remove(
  p_topic integer, p_from bigint, p_upto bigint, OUT removed bigint, OUT weight bigint, OUT emptied bigint
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  -- tells the triggers that this is retention, which stores the newest removed positions itself
  PERFORM set_config('onward.removing', 'on', true);
  IF p_topic IS NULL THEN
    WITH gone AS (
      DELETE FROM onward.entries e WHERE e.sequence > p_from AND e.sequence <= p_upto RETURNING e.topic, e.sequence, e.size
    ), sums AS (
      SELECT topic, count(*) AS number, sum(size) AS size, max(sequence) AS upto FROM gone GROUP BY topic
    ), counted AS (
      UPDATE onward.topics t SET count = t.count - s.number, bytes = t.bytes - s.size, trimmed = s.upto, own = true
      FROM sums s WHERE t.id = s.topic RETURNING s.number, s.size, (t.count = 0)::integer AS is_empty
    )
    SELECT coalesce(sum(number), 0), coalesce(sum(size), 0), coalesce(sum(is_empty), 0)
    INTO removed, weight, emptied FROM counted;
  ELSE
    WITH gone AS (
      DELETE FROM onward.entries e WHERE e.topic = p_topic AND e.sequence > p_from AND e.sequence <= p_upto RETURNING e.size
    )
    SELECT count(*), coalesce(sum(size), 0) INTO removed, weight FROM gone;
    UPDATE onward.topics t SET count = t.count - removed, bytes = t.bytes - weight, trimmed = p_upto, own = true
    WHERE t.id = p_topic RETURNING (t.count = 0)::integer INTO emptied;
  END IF;
  PERFORM set_config('onward.removing', 'off', true);
END
$$;

-- Removes entries over the limits (count, bytes, age, count and bytes of a topic), oldest first, at most as many as the budget.
-- Returns the rest of the budget. When it is 0 or less, there can be more to remove.
CREATE OR REPLACE FUNCTION onward.apply_limits(
  p_time double precision, p_topics integer[], p_limits double precision[], p_budget integer
) RETURNS integer LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  l onward.log;
  t record;
  gone record;
  rest bigint := p_budget;
  page bigint;
  cut bigint;
BEGIN
  SELECT * INTO STRICT l FROM onward.log;
  -- topics first, because that can bring the log below its own limits
  IF p_limits[4] < 'Infinity' OR p_limits[5] < 'Infinity' THEN
    FOR t IN
      SELECT o.id, o.count, o.bytes, greatest(o.trimmed, l.head) AS from_ FROM onward.topics o
      WHERE (p_topics IS NULL OR o.id = ANY (p_topics)) AND (o.count > p_limits[4] OR o.bytes > p_limits[5])
      LIMIT CASE WHEN p_topics IS NULL THEN 500 END
    LOOP
      page := greatest(16, least(t.count - p_limits[4], rest));
      WHILE rest > 0 AND (t.count > p_limits[4] OR t.bytes > p_limits[5]) LOOP
        SELECT max(sequence) FILTER (WHERE t.count - n + 1 > p_limits[4] OR t.bytes - upto + size > p_limits[5])
        INTO cut FROM (
          SELECT o.sequence, o.size, row_number() OVER w AS n, sum(o.size) OVER w AS upto FROM (
            SELECT e.sequence, e.size FROM onward.entries e
            WHERE e.topic = t.id AND e.sequence > t.from_ ORDER BY e.sequence LIMIT least(page, rest)
          ) o WINDOW w AS (ORDER BY o.sequence)
        ) oldest;
        EXIT WHEN cut IS NULL;
        SELECT * INTO gone FROM onward.remove(t.id, t.from_, cut);
        t.count := t.count - gone.removed;
        t.bytes := t.bytes - gone.weight;
        t.from_ := cut;
        l.count := l.count - gone.removed;
        l.bytes := l.bytes - gone.weight;
        l.trimmed := greatest(l.trimmed, cut);
        l.empty_topics := l.empty_topics + gone.emptied;
        rest := rest - gone.removed;
        page := least(page * 4, 2000);
      END LOOP;
      EXIT WHEN rest <= 0;
    END LOOP;
  END IF;

  page := greatest(64, least(l.count - p_limits[1], rest));
  WHILE rest > 0 AND l.count > 0 AND (l.count > p_limits[1] OR l.bytes > p_limits[2] OR p_limits[3] < 'Infinity') LOOP
    SELECT max(sequence) FILTER (
      WHERE l.count - n + 1 > p_limits[1] OR l.bytes - upto + size > p_limits[2] OR time < p_time - p_limits[3]
    ) INTO cut FROM (
      SELECT o.sequence, o.size, o.time, row_number() OVER w AS n, sum(o.size) OVER w AS upto FROM (
        SELECT e.sequence, e.size, e.time FROM onward.entries e
        WHERE e.sequence > l.head ORDER BY e.sequence LIMIT least(page, rest)
      ) o WINDOW w AS (ORDER BY o.sequence)
    ) oldest;
    EXIT WHEN cut IS NULL;
    SELECT * INTO gone FROM onward.remove(NULL, l.head, cut);
    l.count := l.count - gone.removed;
    l.bytes := l.bytes - gone.weight;
    l.head := cut;
    l.trimmed := greatest(l.trimmed, cut);
    l.empty_topics := l.empty_topics + gone.emptied;
    rest := rest - gone.removed;
    EXIT WHEN gone.removed < page;
    page := least(page * 4, 2000);
  END LOOP;
  SELECT coalesce(min(sequence) - 1, l.last) INTO l.head FROM (
    SELECT e.sequence FROM onward.entries e WHERE e.sequence > l.head ORDER BY e.sequence LIMIT 1
  ) oldest;

  -- too many topics to remember: the smallest marks are merged into the floor, which applies to every topic without a mark
  IF l.empty_topics > ${maxMarks} THEN
    PERFORM set_config('onward.removing', 'on', true);
    WITH smallest AS (
      DELETE FROM onward.topics WHERE id IN (
        SELECT o.id FROM onward.topics o WHERE o.count = 0 ORDER BY o.trimmed
        LIMIT l.empty_topics - ${maxMarks} + ${maxMarks / 10}
      ) RETURNING trimmed
    )
    SELECT greatest(l.floor, max(trimmed)), l.empty_topics - count(*) INTO l.floor, l.empty_topics FROM smallest;
    PERFORM set_config('onward.removing', 'off', true);
  END IF;
  UPDATE onward.log SET count = l.count, bytes = l.bytes, head = l.head, trimmed = l.trimmed, floor = l.floor,
    empty_topics = l.empty_topics;
  RETURN rest;
END
$$;

-- Applies the limits to the whole log, in one limited step. True when there can be more to remove.
CREATE OR REPLACE FUNCTION onward.trim(p_now double precision, p_limits double precision[], p_wait integer)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  present double precision;
BEGIN
  PERFORM set_config('lock_timeout', p_wait::text, true);
  SELECT greatest(time, coalesce(p_now, floor(extract(epoch FROM clock_timestamp()) * 1000)))
  INTO present FROM onward.log FOR UPDATE;
  IF onward.apply_limits(present, NULL, p_limits, 2000) <= 0 THEN
    RETURN true;
  END IF;
  RETURN EXISTS (SELECT FROM onward.topics WHERE count > p_limits[4] OR bytes > p_limits[5]);
END
$$;

-- Removes entries on request, of these topics or of all, up to a position, at most p_most at a time; returns how many.
CREATE OR REPLACE FUNCTION onward.forget(p_topics text[], p_epoch text, p_upto bigint, p_most integer, p_wait integer)
RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  l onward.log;
  t record;
  gone record;
  cut bigint;
  rest bigint := p_most;
BEGIN
  PERFORM set_config('lock_timeout', p_wait::text, true);
  SELECT * INTO STRICT l FROM onward.log FOR UPDATE;
  IF p_epoch IS DISTINCT FROM l.epoch OR p_upto > l.last THEN
    RETURN 0;
  END IF;
  -- a row without an id stands for all topics
  FOR t IN
    SELECT o.id, greatest(o.trimmed, l.head) AS from_ FROM onward.topics o
    WHERE o.count > 0 AND o.name IN (SELECT g.name COLLATE "C" FROM unnest(p_topics) g(name))
    UNION ALL SELECT NULL, l.head WHERE p_topics IS NULL
  LOOP
    EXIT WHEN rest <= 0;
    SELECT max(sequence) INTO cut FROM (
      SELECT e.sequence FROM onward.entries e
      WHERE (t.id IS NULL OR e.topic = t.id) AND e.sequence > t.from_ AND e.sequence <= p_upto
      ORDER BY e.sequence LIMIT rest
    ) oldest;
    CONTINUE WHEN cut IS NULL;
    SELECT * INTO gone FROM onward.remove(t.id, t.from_, cut);
    l.count := l.count - gone.removed;
    l.bytes := l.bytes - gone.weight;
    l.trimmed := greatest(l.trimmed, cut);
    l.empty_topics := l.empty_topics + gone.emptied;
    IF t.id IS NULL THEN
      l.head := cut;
    END IF;
    rest := rest - gone.removed;
  END LOOP;
  UPDATE onward.log SET count = l.count, bytes = l.bytes, head = l.head, trimmed = l.trimmed, empty_topics = l.empty_topics;
  -- moves the head, and folds marks when there are too many; no limit is reached
  PERFORM onward.apply_limits(l.time, '{}', array_fill('Infinity'::double precision, ARRAY[5]), 0);
  RETURN p_most - rest;
END
$$;
`
