-- Deleting: what nothing touched for long, and everything about one subject.

-- Whether nothing is left to do in a lane.
CREATE OR REPLACE FUNCTION conversation_states_quiet(p_subject text, p_now float8) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM conversation_states_lane
      WHERE subject = p_subject AND (due_at IS NOT NULL OR lease_until > p_now))
    AND NOT EXISTS (SELECT FROM conversation_states_reply WHERE subject = p_subject AND status = 'waiting')
    AND NOT EXISTS (SELECT FROM conversation_states_approval WHERE subject = p_subject AND status = 'pending')
    AND NOT EXISTS (SELECT FROM conversation_states_ticket WHERE subject = p_subject AND status = 'open')
    AND NOT EXISTS (SELECT FROM conversation_states_presence WHERE subject = p_subject AND until > p_now);
END
$$;

-- One step over lanes that nothing touched: a lane goes with its records, in one transaction, while its row is held.
-- A lane that somebody works on is passed over. `more`: there may be others.
CREATE OR REPLACE FUNCTION conversation_states_purge_lanes(p_older_than float8, p_limit int, p_offset float8)
RETURNS TABLE (more boolean, conversations bigint, timeline bigint, replies bigint, tickets bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8 := conversation_states_now(p_offset);
  v_before float8 := v_now - p_older_than;
  v_subjects text[] := array(
    SELECT subject FROM conversation_states_lane
    WHERE touched_day <= floor(v_before / 86400) AND touched_at <= v_before AND conversation_states_quiet(subject, v_now)
    LIMIT p_limit FOR UPDATE SKIP LOCKED);
BEGIN
  more := cardinality(v_subjects) = p_limit;
  DELETE FROM conversation_states WHERE subject = ANY (v_subjects);
  GET DIAGNOSTICS conversations = ROW_COUNT;
  DELETE FROM conversation_states_timeline WHERE subject = ANY (v_subjects);
  GET DIAGNOSTICS timeline = ROW_COUNT;
  DELETE FROM conversation_states_reply WHERE subject = ANY (v_subjects);
  GET DIAGNOSTICS replies = ROW_COUNT;
  DELETE FROM conversation_states_ticket WHERE subject = ANY (v_subjects);
  GET DIAGNOSTICS tickets = ROW_COUNT;
  DELETE FROM conversation_states_answer WHERE subject = ANY (v_subjects);
  DELETE FROM conversation_states_line WHERE subject = ANY (v_subjects);
  DELETE FROM conversation_states_approval WHERE subject = ANY (v_subjects);
  DELETE FROM conversation_states_lane WHERE subject = ANY (v_subjects);
  RETURN NEXT;
END
$$;

-- One step over what goes by its own age, also in a busy lane.
CREATE OR REPLACE FUNCTION conversation_states_purge_rows(
  p_older_than float8, p_keys_older_than float8, p_limit int, p_offset float8
) RETURNS TABLE (more boolean, keys bigint, effects bigint, set_aside bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8 := conversation_states_now(p_offset);
BEGIN
  DELETE FROM conversation_states_presence WHERE until <= v_now;
  DELETE FROM conversation_states_entry WHERE id = ANY (array(
    SELECT id FROM conversation_states_entry
    WHERE NOT waiting AND accepted_at <= v_now - p_keys_older_than AND conversation_states_quiet(subject, v_now)
    LIMIT p_limit));
  GET DIAGNOSTICS keys = ROW_COUNT;
  DELETE FROM conversation_states_effect WHERE ctid = ANY (array(
    SELECT ctid FROM conversation_states_effect
    WHERE at <= v_now - p_older_than AND conversation_states_quiet(subject, v_now)
    LIMIT p_limit));
  GET DIAGNOSTICS effects = ROW_COUNT;
  DELETE FROM conversation_states_set_aside WHERE id = ANY (array(
    SELECT id FROM conversation_states_set_aside
    WHERE at <= v_now - p_older_than AND conversation_states_quiet(subject, v_now)
    LIMIT p_limit));
  GET DIAGNOSTICS set_aside = ROW_COUNT;
  more := greatest(keys, effects, set_aside) = p_limit;
  RETURN NEXT;
END
$$;

-- What the two functions above would delete in all their steps.
CREATE OR REPLACE FUNCTION conversation_states_purge_count(
  p_older_than float8, p_keys_older_than float8, p_offset float8
) RETURNS TABLE (
  conversations bigint, timeline bigint, replies bigint, tickets bigint, keys bigint, effects bigint, set_aside bigint
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8 := conversation_states_now(p_offset);
  v_before float8 := v_now - p_older_than;
BEGIN
  RETURN QUERY WITH old AS MATERIALIZED (
    SELECT subject FROM conversation_states_lane
    WHERE touched_day <= floor(v_before / 86400) AND touched_at <= v_before AND conversation_states_quiet(subject, v_now)
  ) SELECT
    (SELECT count(*) FROM conversation_states JOIN old USING (subject)),
    (SELECT count(*) FROM conversation_states_timeline JOIN old USING (subject)),
    (SELECT count(*) FROM conversation_states_reply JOIN old USING (subject)),
    (SELECT count(*) FROM conversation_states_ticket JOIN old USING (subject)),
    (SELECT count(*) FROM conversation_states_entry WHERE NOT waiting AND accepted_at <= v_now - p_keys_older_than
      AND conversation_states_quiet(subject, v_now)),
    (SELECT count(*) FROM conversation_states_effect WHERE at <= v_before AND conversation_states_quiet(subject, v_now)),
    (SELECT count(*) FROM conversation_states_set_aside
      WHERE at <= v_before AND conversation_states_quiet(subject, v_now));
END
$$;

-- The subject's hash with the store's own key; NULL as long as nobody was erased.
CREATE OR REPLACE FUNCTION conversation_states_hash(p_subject text) RETURNS text
LANGUAGE sql STABLE AS $$
  SELECT encode(sha256(key || sha256(key || convert_to(p_subject, 'UTF8'))), 'hex') FROM conversation_states_audit_key
$$;

-- The number of deleted records; NULL, and nothing deleted, while somebody holds the lane. `p_key` becomes the store's
-- key if it has none.
CREATE OR REPLACE FUNCTION conversation_states_erase(p_subject text, p_actor text, p_key bytea, p_offset float8)
RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane;
  v_now float8;
  v_table text;
  v_rows bigint;
  v_deleted bigint := 0;
BEGIN
  SELECT * INTO v_lane FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  v_now := conversation_states_now(p_offset);
  IF v_lane.lease_until > v_now THEN
    RETURN NULL;
  END IF;
  FOREACH v_table IN ARRAY ARRAY[
    'conversation_states', 'conversation_states_entry', 'conversation_states_opt_out', 'conversation_states_answer',
    'conversation_states_approval', 'conversation_states_timeline', 'conversation_states_effect',
    'conversation_states_reply', 'conversation_states_line', 'conversation_states_ticket',
    'conversation_states_set_aside', 'conversation_states_presence', 'conversation_states_lane']
  LOOP
    EXECUTE format('DELETE FROM %s WHERE subject = $1', v_table) USING p_subject;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    v_deleted := v_deleted + v_rows;
  END LOOP;
  IF v_deleted > 0 THEN
    INSERT INTO conversation_states_audit_key (id, key) VALUES (1, p_key) ON CONFLICT (id) DO NOTHING;
    INSERT INTO conversation_states_audit (subject_hash, at, actor, deleted)
      VALUES (conversation_states_hash(p_subject), v_now, p_actor, v_deleted);
  END IF;
  RETURN v_deleted;
END
$$;
