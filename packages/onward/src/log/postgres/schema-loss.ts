/** The triggers that detect entries removed by other means than retention, so that readers receive a gap. */
export const loss = `
-- Begins a new epoch and recomputes the counts. A statement that removed nothing changes nothing.
CREATE OR REPLACE FUNCTION onward.note_loss() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l onward.log;
BEGIN
  SELECT * INTO l FROM onward.log FOR UPDATE;
  IF NOT FOUND OR (l.count = (SELECT count(*) FROM onward.entries e JOIN onward.topics t ON t.id = e.topic)) THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('onward.removing', 'on', true);
  DELETE FROM onward.entries e WHERE NOT EXISTS (SELECT FROM onward.topics t WHERE t.id = e.topic);
  PERFORM set_config('onward.removing', 'off', true);
  UPDATE onward.topics t SET count = coalesce(s.number, 0), bytes = coalesce(s.size, 0), trimmed = 0, own = false
  FROM onward.topics o LEFT JOIN (
    SELECT topic, count(*) AS number, sum(size) AS size FROM onward.entries GROUP BY topic
  ) s ON s.topic = o.id WHERE o.id = t.id;
  UPDATE onward.log SET
    count = (SELECT count(*) FROM onward.entries),
    bytes = (SELECT coalesce(sum(size), 0) FROM onward.entries),
    head = coalesce((SELECT min(sequence) - 1 FROM onward.entries), last),
    empty_topics = (SELECT count(*) FROM onward.topics WHERE count = 0),
    trimmed = 0, floor = 0;
  PERFORM pg_notify('SCHEMA_NAME_news', onward.new_epoch() || ' ' || l.last);
  RETURN NULL;
END
$$;

-- Creates only missing triggers: CREATE TRIGGER waits for every append, and appends of other processes can wait for this script.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['onward.entries', 'onward.topics'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_trigger WHERE tgrelid = name::regclass AND tgname = 'note_truncate');
    EXECUTE 'CREATE TRIGGER note_delete AFTER DELETE ON ' || name || ' FOR EACH STATEMENT
      WHEN (current_setting(''onward.removing'', true) IS DISTINCT FROM ''on'') EXECUTE FUNCTION onward.note_loss()';
    EXECUTE 'CREATE TRIGGER note_truncate AFTER TRUNCATE ON ' || name || ' FOR EACH STATEMENT
      EXECUTE FUNCTION onward.note_loss()';
  END LOOP;
END
$$;
`
