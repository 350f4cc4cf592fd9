-- Entries: accepting them, and what every step on a lane begins with. Each function is one short transaction; every
-- statement in it sees what was committed before that statement, so whoever holds the lane's row reads the present.

-- The store's clock: the server's, plus an offset that only tests set.
CREATE OR REPLACE FUNCTION conversation_states_now(p_offset float8) RETURNS float8
LANGUAGE sql VOLATILE AS $$
  SELECT extract(epoch FROM clock_timestamp())::float8 + p_offset
$$;

-- Take the lane's row, made when it is not there. Rows are taken in the order lane, line, reply: nobody waits in a ring.
CREATE OR REPLACE FUNCTION conversation_states_lock(p_subject text, p_spelled text) RETURNS conversation_states_lane
LANGUAGE plpgsql AS $$
DECLARE
  v_lane conversation_states_lane;
BEGIN
  LOOP
    SELECT * INTO v_lane FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
    IF FOUND THEN
      RETURN v_lane;
    END IF;
    INSERT INTO conversation_states_lane (subject, spelled) VALUES (p_subject, p_spelled)
      ON CONFLICT (subject) DO NOTHING;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_accept(
  p_subject text, p_spelled text, p_keys text[], p_records text[], p_token text, p_not_after float8, p_offset float8
) RETURNS TABLE (outcome text, earlier text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane := conversation_states_lock(p_subject, p_spelled);
  v_now float8 := conversation_states_now(p_offset);
  v_stored boolean := false;
  v_token text;
BEGIN
  FOR i IN 1 .. cardinality(p_keys) LOOP
    SELECT token, record INTO v_token, earlier
      FROM conversation_states_entry WHERE subject = p_subject AND key = p_keys[i];
    IF FOUND AND v_token = p_token AND array_position(p_keys, p_keys[i]) = i THEN
      outcome := 'accepted';
    ELSIF FOUND THEN
      outcome := 'duplicate';
    ELSIF v_now > p_not_after THEN
      outcome := 'late';
    ELSE
      INSERT INTO conversation_states_entry (subject, key, token, accepted_at, record)
        VALUES (p_subject, p_keys[i], p_token, v_now, p_records[i]);
      outcome := 'accepted';
      v_stored := true;
    END IF;
    RETURN NEXT;
  END LOOP;
  IF v_stored THEN
    UPDATE conversation_states_lane
      SET due_at = least(due_at, v_now), touched_at = v_now, touched_day = floor(v_now / 86400)
      WHERE subject = p_subject;
  ELSIF v_lane.touched_at = 0 THEN
    DELETE FROM conversation_states_lane WHERE subject = p_subject;  -- made above, for nothing
  END IF;
END
$$;

-- The helpers are PL/pgSQL, although one statement would do, because only there a session keeps its plans.

-- The waiting entries in their order, [] when there are none.
CREATE OR REPLACE FUNCTION conversation_states_waiting(p_subject text) RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
  RETURN (
    SELECT coalesce(
      json_agg(json_build_object('id', id, 'at', accepted_at, 'tries', tries, 'record', record) ORDER BY id), '[]')
    FROM conversation_states_entry WHERE subject = p_subject AND waiting);
END
$$;

-- Raise the tries of the first waiting entry, and return its id.
CREATE OR REPLACE FUNCTION conversation_states_try(p_subject text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  v_id bigint;
BEGIN
  UPDATE conversation_states_entry SET tries = tries + 1
    WHERE id = (SELECT id FROM conversation_states_entry WHERE subject = p_subject AND waiting ORDER BY id LIMIT 1)
    RETURNING id INTO v_id;
  RETURN v_id;
END
$$;

-- Keep waiting entries for people and let the lane go on; their keys stay duplicates.
CREATE OR REPLACE FUNCTION conversation_states_keep_aside(
  p_subject text, p_ids bigint[], p_reason text, p_now float8
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_states_set_aside (subject, kind, key, reason, at, record)
    SELECT subject, 'entry', key, p_reason, p_now, record FROM conversation_states_entry
    WHERE subject = p_subject AND id = ANY (p_ids) AND waiting ORDER BY id;
  UPDATE conversation_states_entry SET waiting = false WHERE subject = p_subject AND id = ANY (p_ids);
END
$$;

-- Since when the lane has work, NULL when it has none.
CREATE OR REPLACE FUNCTION conversation_states_due_at(p_subject text, p_wake_at float8) RETURNS float8
LANGUAGE plpgsql AS $$
BEGIN
  RETURN least(
    p_wake_at, (SELECT min(accepted_at) FROM conversation_states_entry WHERE subject = p_subject AND waiting));
END
$$;
