/** The functions that read. Each uses one snapshot: a STABLE function sees the snapshot of the calling statement. */
export const read = `
-- The first row has the state of the log as JSON in "data"; the other rows are entries.
CREATE OR REPLACE FUNCTION onward.read(p_epoch text, p_from bigint, p_topics text[], p_limit integer, p_bytes bigint)
RETURNS TABLE (sequence bigint, topic text, "time" double precision, size integer, event text, id text, key text,
  retry double precision, data text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  l onward.log;
  begin_ bigint;
  lost json;
  ids integer[];
  names text[];
  page_limit integer := p_limit;
BEGIN
  SELECT * INTO STRICT l FROM onward.log;
  begin_ := CASE WHEN p_epoch IS DISTINCT FROM l.epoch THEN l.head ELSE least(p_from, l.last) END;
  IF p_epoch = l.epoch AND begin_ < l.trimmed THEN
    IF p_topics IS NULL THEN
      SELECT json_agg(json_build_array(CASE WHEN t.own THEN t.name ELSE '*' END, t.trimmed)) INTO lost
      FROM onward.topics t WHERE t.trimmed > begin_;
    ELSE
      SELECT json_agg(json_build_array(CASE WHEN t.own THEN t.name ELSE '*' END, coalesce(t.trimmed, l.floor))) INTO lost
      FROM unnest(p_topics) g(name) LEFT JOIN onward.topics t ON t.name = g.name COLLATE "C";
    END IF;
  END IF;
  IF p_topics IS NOT NULL THEN
    SELECT array_agg(t.id), array_agg(t.name) INTO ids, names FROM onward.topics t
    WHERE t.name IN (SELECT g.name COLLATE "C" FROM unnest(p_topics) g(name)) AND t.count > 0;
    -- with many topics, fewer entries of each are examined
    page_limit := greatest(1, least(p_limit, 32768 / greatest(1, coalesce(cardinality(ids), 1))));
  END IF;
  RETURN QUERY SELECT NULL::bigint, NULL::text, NULL::double precision, NULL::integer, NULL::text, NULL::text, NULL::text,
    NULL::double precision, json_build_object(
      'epoch', l.epoch, 'head', l.head, 'last', l.last, 'floor', CASE WHEN p_topics IS NULL THEN l.floor ELSE 0 END,
      'limit', page_limit, 'lost', lost
    )::text;
  IF p_topics IS NULL THEN
    RETURN QUERY
    SELECT o.sequence, t.name, o.time, o.size, o.event, o.id, o.key, o.retry, o.data FROM (
      SELECT e.*, sum(e.size) OVER (ORDER BY e.sequence ROWS UNBOUNDED PRECEDING) - e.size AS before FROM (
        SELECT * FROM onward.entries e WHERE e.sequence > greatest(begin_, l.head) ORDER BY e.sequence LIMIT page_limit
      ) e
    ) o JOIN onward.topics t ON t.id = o.topic WHERE o.before < p_bytes ORDER BY o.sequence;
  ELSIF cardinality(ids) = 1 THEN
    RETURN QUERY
    SELECT o.sequence, names[1], o.time, o.size, o.event, o.id, o.key, o.retry, o.data FROM (
      SELECT e.*, sum(e.size) OVER (ORDER BY e.sequence ROWS UNBOUNDED PRECEDING) - e.size AS before FROM (
        SELECT * FROM onward.entries e
        WHERE e.topic = ids[1] AND e.sequence > greatest(begin_, l.head) ORDER BY e.sequence LIMIT page_limit
      ) e
    ) o WHERE o.before < p_bytes ORDER BY o.sequence;
  ELSIF ids IS NOT NULL THEN
    RETURN QUERY
    SELECT e.sequence, o.name, e.time, e.size, e.event, e.id, e.key, e.retry, e.data FROM (
      SELECT c.*, sum(c.size) OVER (ORDER BY c.sequence ROWS UNBOUNDED PRECEDING) - c.size AS before FROM (
        SELECT e.sequence, e.size, g.name FROM unnest(ids, names) g(id, name) CROSS JOIN LATERAL (
          SELECT e.sequence, e.size FROM onward.entries e
          WHERE e.topic = g.id AND e.sequence > greatest(begin_, l.head) ORDER BY e.sequence LIMIT page_limit
        ) e ORDER BY e.sequence LIMIT page_limit
      ) c
    ) o JOIN onward.entries e ON e.sequence = o.sequence WHERE o.before < p_bytes ORDER BY e.sequence;
  END IF;
END
$$;

-- Returns the sequence number to read after, or null. One of the first three arguments is set. An id is searched on the given topics.
-- With p_topics null it is searched on all topics, and "all" has the entry of each topic, or null if there are too many.
CREATE OR REPLACE FUNCTION onward.locate(p_id text, p_since double precision, p_last bigint, p_topics text[])
RETURNS text LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  l onward.log;
  found_ bigint;
  low bigint;
  high bigint;
  middle bigint;
  entry record;
  all_ json;
BEGIN
  SELECT * INTO STRICT l FROM onward.log;
  IF p_id IS NOT NULL AND p_topics IS NOT NULL THEN
    SELECT min(e.sequence) INTO found_ FROM onward.topics t JOIN onward.entries e
    ON hashtextextended(e.id, 0) = hashtextextended(p_id COLLATE "C", 0) AND e.topic = t.id AND e.id = p_id
    WHERE t.name IN (SELECT g.name COLLATE "C" FROM unnest(p_topics) g(name));
  ELSIF p_id IS NOT NULL THEN
    SELECT min(o.sequence), CASE WHEN count(*) <= MAX_SAME_ID THEN json_agg(json_build_array(t.name, o.sequence)) END
    INTO found_, all_ FROM (
      SELECT e.sequence, e.topic FROM onward.entries e
      WHERE hashtextextended(e.id, 0) = hashtextextended(p_id COLLATE "C", 0) AND e.id = p_id LIMIT MAX_SAME_ID + 1
    ) o JOIN onward.topics t ON t.id = o.topic;
  ELSIF p_since IS NOT NULL THEN
    -- times never decrease, so a binary search finds the position without an index
    low := l.head + 1;
    high := l.last + 1;
    WHILE low < high LOOP
      middle := low + (high - low) / 2;
      SELECT e.sequence, e.time INTO entry FROM onward.entries e WHERE e.sequence >= middle ORDER BY e.sequence LIMIT 1;
      IF NOT FOUND OR entry.time >= p_since THEN
        high := middle;
      ELSE
        low := entry.sequence + 1;
      END IF;
    END LOOP;
    -- entries just before the found one can be missing
    SELECT coalesce(min(o.sequence) - 1, l.last) INTO found_ FROM (
      SELECT e.sequence FROM onward.entries e WHERE e.sequence >= low ORDER BY e.sequence LIMIT 1
    ) o;
  ELSIF p_last <= 0 THEN
    found_ := l.last;
  ELSIF p_topics IS NULL THEN
    SELECT e.sequence - 1 INTO found_ FROM onward.entries e ORDER BY e.sequence DESC OFFSET p_last - 1 LIMIT 1;
    found_ := coalesce(found_, l.head);
  ELSE
    SELECT e.sequence - 1 INTO found_ FROM onward.topics t CROSS JOIN LATERAL (
      SELECT e.sequence FROM onward.entries e WHERE e.topic = t.id ORDER BY e.sequence DESC LIMIT p_last
    ) e
    WHERE t.name IN (SELECT g.name COLLATE "C" FROM unnest(p_topics) g(name)) AND t.count > 0
    ORDER BY e.sequence DESC OFFSET p_last - 1 LIMIT 1;
    found_ := coalesce(found_, l.head);
  END IF;
  RETURN json_build_object('epoch', l.epoch, 'found', found_, 'all', all_);
END
$$;
`
