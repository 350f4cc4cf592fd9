-- Lanes: the lease and what its holder commits.

-- Not to wait until the disk has it: for what may be lost when the server itself crashes. A lost claim means that the
-- turn is run again, and its first worker cannot commit; whatever is seen from outside waits for the disk, and for all
-- that was written before.
CREATE OR REPLACE FUNCTION conversation_states_hasten() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'off', true);  -- until the end of this transaction
END
$$;

-- One row when the lease is granted, none while somebody else's runs.
CREATE OR REPLACE FUNCTION conversation_states_claim(
  p_subject text, p_spelled text, p_holder text, p_seconds float8, p_keys text[], p_records text[], p_offset float8
) RETURNS TABLE (
  fence bigint, at float8, unreadable boolean, waiting json, conversation text, version bigint, updated_at float8,
  opted_out text[]
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane;
  v_repeated boolean;
  v_now float8;
BEGIN
  IF cardinality(p_keys) > 0 THEN
    PERFORM conversation_states_accept(p_subject, p_spelled, p_keys, p_records, p_holder, NULL, p_offset);
  ELSE
    PERFORM conversation_states_hasten();
  END IF;
  -- From here on the row is ours, and everything below is read after that.
  v_lane := conversation_states_lock(p_subject, p_spelled);
  v_now := conversation_states_now(p_offset);
  v_repeated := v_lane.holder IS NOT DISTINCT FROM p_holder;
  IF NOT v_repeated AND v_lane.lease_until > v_now THEN
    RETURN;
  END IF;
  IF NOT v_repeated THEN
    v_lane.fence := nextval('conversation_states_fence');
    v_lane.unreadable := false;
    v_lane.tried := conversation_states_try(p_subject);
  END IF;
  UPDATE conversation_states_lane
    SET fence = v_lane.fence, claimer = p_holder, holder = p_holder, seconds = p_seconds, lease_until = v_now + p_seconds,
        tried = v_lane.tried, unreadable = v_lane.unreadable, touched_at = v_now, touched_day = floor(v_now / 86400)
    WHERE subject = p_subject;
  fence := v_lane.fence;
  at := v_now;
  unreadable := v_lane.unreadable;
  waiting := conversation_states_waiting(p_subject);
  SELECT it.record, it.version, it.updated_at INTO conversation, version, updated_at
    FROM conversation_states AS it WHERE it.subject = p_subject;
  SELECT array_agg(channel ORDER BY id) INTO opted_out
    FROM conversation_states_opt_out WHERE subject = p_subject;
  RETURN NEXT;
END
$$;

-- Set aside what the holder could not read: waiting entries, the conversation. Returns what waits now, the try going
-- to the entry that is first then; NULL when the lane is no longer the holder's. `p_free`: give the lane back when
-- nothing is left.
CREATE OR REPLACE FUNCTION conversation_states_skip(
  p_subject text, p_holder text, p_fence bigint, p_ids bigint[], p_conversation text, p_free boolean, p_offset float8
) RETURNS json
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane;
  v_now float8;
  v_tried bigint;
  v_waiting json;
BEGIN
  SELECT * INTO v_lane FROM conversation_states_lane
    WHERE subject = p_subject AND fence = p_fence AND holder = p_holder FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  v_now := conversation_states_now(p_offset);
  v_tried := v_lane.tried;
  PERFORM conversation_states_keep_aside(p_subject, p_ids, 'unreadable', v_now);
  IF v_tried = ANY (p_ids) THEN
    v_tried := conversation_states_try(p_subject);
  END IF;
  IF p_conversation IS NOT NULL THEN
    INSERT INTO conversation_states_set_aside (subject, kind, key, reason, at, record)
      SELECT subject, 'conversation', '', p_conversation, v_now, record FROM conversation_states
      WHERE subject = p_subject;
    DELETE FROM conversation_states WHERE subject = p_subject;
  END IF;
  v_waiting := conversation_states_waiting(p_subject);
  UPDATE conversation_states_lane
    SET tried = v_tried, unreadable = unreadable OR p_conversation IS NOT NULL,
        due_at = conversation_states_due_at(p_subject, wake_at)
    WHERE subject = p_subject;
  IF p_free AND json_array_length(v_waiting) = 0 THEN
    UPDATE conversation_states_lane SET holder = NULL, lease_until = 0, tried = NULL WHERE subject = p_subject;
  END IF;
  RETURN v_waiting;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_renew(
  p_subject text, p_holder text, p_fence bigint, p_seconds float8, p_offset float8
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM conversation_states_hasten();
  PERFORM FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  UPDATE conversation_states_lane SET seconds = p_seconds, lease_until = conversation_states_now(p_offset) + p_seconds
    WHERE subject = p_subject AND fence = p_fence AND holder = p_holder;
  RETURN FOUND;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_release(
  p_subject text, p_holder text, p_fence bigint, p_forgive boolean, p_offset float8
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane;
BEGIN
  PERFORM conversation_states_hasten();
  SELECT * INTO v_lane FROM conversation_states_lane
    WHERE subject = p_subject AND fence = p_fence AND holder = p_holder FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF p_forgive THEN
    UPDATE conversation_states_entry SET tries = greatest(tries - 1, 0) WHERE id = v_lane.tried AND waiting;
  END IF;
  UPDATE conversation_states_lane SET holder = NULL, lease_until = 0, tried = NULL WHERE subject = p_subject;
END
$$;

-- The commit's answer, kept for whoever did not get it; NULL when the fence is another one.
CREATE OR REPLACE FUNCTION conversation_states_commit_turn(
  p_subject text, p_holder text, p_fence bigint, p_token text,
  p_version bigint, p_last_channel text, p_record text, p_head text, p_opted_out text[],
  p_approval_ids text[], p_approval_statuses text[], p_approval_expiries float8[], p_approvals text[],
  p_consumed text[], p_set_aside text[], p_timeline text[],
  p_ticket_ids text[], p_ticket_statuses text[], p_tickets text[],
  p_blocked text[], p_reply_ids text[], p_reply_channels text[], p_replies text[],
  p_wake_at float8, p_deliver float8, p_replica text, p_keep_answers float8, p_offset float8
) RETURNS json
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_lane conversation_states_lane;
  v_now float8;
  v_version bigint;
  v_waiting json;
  v_tried bigint;
  v_outgoing json := '[]';
  v_answer json;
BEGIN
  SELECT * INTO v_lane FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  SELECT record INTO v_answer FROM conversation_states_answer WHERE subject = p_subject AND token = p_token;
  IF FOUND THEN
    RETURN v_answer;
  END IF;
  IF (v_lane.fence, v_lane.claimer) IS DISTINCT FROM (p_fence, p_holder) THEN
    RETURN NULL;
  END IF;
  v_now := conversation_states_now(p_offset);
  INSERT INTO conversation_states AS it (subject, version, updated_at, last_channel, record, head)
    VALUES (p_subject, p_version + 1, v_now, p_last_channel, p_record, p_head)
    ON CONFLICT (subject) DO UPDATE SET version = greatest(it.version, p_version) + 1, updated_at = v_now,
      last_channel = p_last_channel, record = p_record, head = p_head
    RETURNING version INTO v_version;
  DELETE FROM conversation_states_opt_out WHERE subject = p_subject AND channel <> ALL (p_opted_out);
  IF cardinality(p_opted_out) > 0 THEN
    INSERT INTO conversation_states_opt_out (subject, channel) SELECT p_subject, unnest(p_opted_out)
      ON CONFLICT (subject, channel) DO NOTHING;
  END IF;
  PERFORM conversation_states_write_approvals(
    p_subject, p_approval_ids, p_approval_statuses, p_approval_expiries, p_approvals);
  UPDATE conversation_states_entry SET waiting = false
    WHERE subject = p_subject AND key = ANY (p_consumed) AND waiting;
  IF cardinality(p_set_aside) > 0 THEN
    PERFORM conversation_states_keep_aside(p_subject, array(
      SELECT id FROM conversation_states_entry WHERE subject = p_subject AND key = ANY (p_set_aside) AND waiting
    ), 'failed', v_now);
  END IF;
  PERFORM conversation_states_append(p_subject, p_timeline, v_now);
  IF cardinality(p_ticket_ids) > 0 THEN
    INSERT INTO conversation_states_ticket AS it (ticket_id, subject, status, record)
      SELECT one.id, p_subject, one.status, one.record
      FROM unnest(p_ticket_ids, p_ticket_statuses, p_tickets) WITH ORDINALITY AS one (id, status, record, place)
      ORDER BY place
      ON CONFLICT (ticket_id) DO UPDATE SET status = excluded.status, record = excluded.record
        WHERE it.subject = excluded.subject;
  END IF;
  IF cardinality(p_blocked) > 0 THEN
    PERFORM conversation_states_block(p_subject, p_blocked);
  END IF;
  IF cardinality(p_reply_ids) > 0 THEN
    PERFORM conversation_states_queue(p_subject, p_reply_ids, p_reply_channels, p_replies, v_now);
  END IF;
  v_tried := conversation_states_try(p_subject);
  v_waiting := conversation_states_waiting(p_subject);
  UPDATE conversation_states_lane
    SET wake_at = p_wake_at, due_at = conversation_states_due_at(p_subject, p_wake_at), touched_at = v_now,
        touched_day = floor(v_now / 86400), tried = v_tried,
        holder = CASE WHEN v_tried IS NOT NULL THEN p_holder END,
        lease_until = CASE WHEN v_tried IS NOT NULL THEN v_now + seconds ELSE 0 END
    WHERE subject = p_subject;
  IF p_deliver IS NOT NULL AND cardinality(p_reply_channels) > 0 THEN
    v_outgoing := conversation_states_deliver_at(
      p_subject, p_reply_channels, p_holder, p_deliver, p_replica, v_now);
  END IF;
  v_answer := json_build_object('version', v_version, 'waiting', v_waiting, 'outgoing', v_outgoing);
  DELETE FROM conversation_states_answer WHERE subject = p_subject AND at < v_now - p_keep_answers;
  INSERT INTO conversation_states_answer (subject, token, at, record) VALUES (p_subject, p_token, v_now, v_answer);
  RETURN v_answer;
END
$$;

-- Make the index of approvals say what the conversation says.
CREATE OR REPLACE FUNCTION conversation_states_write_approvals(
  p_subject text, p_ids text[], p_statuses text[], p_expiries float8[], p_records text[]
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  IF cardinality(p_ids) > 0 THEN
    INSERT INTO conversation_states_approval AS it (approval_id, subject, status, expires_at, record)
      SELECT one.id, p_subject, one.status, one.expires_at, one.record
      FROM unnest(p_ids, p_statuses, p_expiries, p_records) AS one (id, status, expires_at, record)
      ON CONFLICT (approval_id) DO UPDATE
        SET status = excluded.status, expires_at = excluded.expires_at, record = excluded.record
        WHERE it.subject = excluded.subject AND (it.status, it.record) <> (excluded.status, excluded.record);
  END IF;
  UPDATE conversation_states_approval SET status = 'void'
    WHERE subject = p_subject AND status = 'pending' AND approval_id <> ALL (p_ids);
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_append(p_subject text, p_records text[], p_now float8) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_states_timeline (subject, at, record)
    SELECT p_subject, p_now, one.record FROM unnest(p_records) WITH ORDINALITY AS one (record, place) ORDER BY place;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_effect_begin(
  p_subject text, p_key text, p_token text, p_offset float8
) RETURNS TABLE (state text, result text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_token text;
BEGIN
  LOOP
    INSERT INTO conversation_states_effect (subject, key, token, at)
      VALUES (p_subject, p_key, p_token, conversation_states_now(p_offset))
      ON CONFLICT (subject, key) DO NOTHING;
    IF FOUND THEN
      state := 'new';
    ELSE
      SELECT it.token, it.result INTO v_token, result
        FROM conversation_states_effect AS it WHERE it.subject = p_subject AND it.key = p_key;
      CONTINUE WHEN NOT FOUND;  -- erased this moment
      state := CASE WHEN result IS NOT NULL THEN 'done' WHEN v_token = p_token THEN 'new' ELSE 'unknown' END;
    END IF;
    RETURN NEXT;
    RETURN;
  END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_effect_finish(
  p_subject text, p_key text, p_result text, p_offset float8
) RETURNS void
LANGUAGE sql VOLATILE AS $$
  INSERT INTO conversation_states_effect AS it (subject, key, token, at, result)
    VALUES (p_subject, p_key, '', conversation_states_now(p_offset), p_result)
    ON CONFLICT (subject, key) DO UPDATE SET result = excluded.result, at = excluded.at WHERE it.result IS NULL
$$;
