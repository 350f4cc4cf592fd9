-- The outbox: lines (subject and channel) of replies, sent in order, each by one holder. A reply's status changes only
-- while its line's row is held.

-- Put replies at the ends of their lines.
CREATE OR REPLACE FUNCTION conversation_states_queue(
  p_subject text, p_ids text[], p_channels text[], p_records text[], p_now float8
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO conversation_states_line AS it (subject, channel, due_at)
    SELECT DISTINCT p_subject, channel, p_now FROM unnest(p_channels) AS channel
    ON CONFLICT (subject, channel) DO UPDATE SET due_at = coalesce(it.due_at, excluded.due_at);
  INSERT INTO conversation_states_reply (subject, channel, reply_id, queued_at, record)
    SELECT p_subject, one.channel, one.id, p_now, one.record
    FROM unnest(p_ids, p_channels, p_records) WITH ORDINALITY AS one (id, channel, record, place) ORDER BY place
    ON CONFLICT (subject, reply_id) DO NOTHING;
END
$$;

-- Settle every waiting reply of these lines as blocked.
CREATE OR REPLACE FUNCTION conversation_states_block(p_subject text, p_channels text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversation_states_line SET due_at = NULL WHERE subject = p_subject AND channel = ANY (p_channels);
  UPDATE conversation_states_reply SET status = 'blocked'
    WHERE subject = p_subject AND channel = ANY (p_channels) AND status = 'waiting';
END
$$;

-- Claim the oldest waiting reply of a line whose row is held; the line is freed when there is none.
CREATE OR REPLACE FUNCTION conversation_states_take_first(
  p_subject text, p_channel text, p_holder text, p_seconds float8, p_now float8
) RETURNS TABLE (reply bigint, tries int, record text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_reply conversation_states_reply;
BEGIN
  UPDATE conversation_states_reply SET tries = tries + 1
    WHERE id = (
      SELECT id FROM conversation_states_reply
      WHERE subject = p_subject AND channel = p_channel AND status = 'waiting' ORDER BY id LIMIT 1)
    RETURNING * INTO v_reply;
  IF FOUND THEN
    UPDATE conversation_states_line
      SET holder = p_holder, lease_until = p_now + p_seconds, reply = v_reply.id, due_at = v_reply.queued_at
      WHERE subject = p_subject AND channel = p_channel;
    RETURN QUERY SELECT v_reply.id, v_reply.tries, v_reply.record;
  ELSE
    UPDATE conversation_states_line SET holder = NULL, lease_until = 0, reply = NULL, due_at = NULL
      WHERE subject = p_subject AND channel = p_channel;
  END IF;
END
$$;

-- Give a holder its line's next reply, or free the line, whose row is held, for the replica that has the call.
CREATE OR REPLACE FUNCTION conversation_states_go_on(
  p_subject text, p_channel text, p_holder text, p_seconds float8, p_replica text, p_now float8
) RETURNS TABLE (reply bigint, tries int, record text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  IF NOT conversation_states_elsewhere(p_subject, p_channel, p_replica, p_now) THEN
    RETURN QUERY SELECT * FROM conversation_states_take_first(p_subject, p_channel, p_holder, p_seconds, p_now);
    RETURN;
  END IF;
  UPDATE conversation_states_line SET holder = NULL, lease_until = 0, reply = NULL, due_at = (
      SELECT min(queued_at) FROM conversation_states_reply
      WHERE subject = p_subject AND channel = p_channel AND status = 'waiting')
    WHERE subject = p_subject AND channel = p_channel;
END
$$;

-- Claim, for a commit, the first reply of each of these lines that nobody delivers.
CREATE OR REPLACE FUNCTION conversation_states_deliver_at(
  p_subject text, p_channels text[], p_holder text, p_seconds float8, p_replica text, p_now float8
) RETURNS json
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_channel text;
  v_taken record;
  v_outgoing json[] := '{}';
BEGIN
  FOR v_channel IN
    SELECT channel FROM unnest(p_channels) WITH ORDINALITY AS one (channel, place)
    GROUP BY channel ORDER BY min(place)
  LOOP
    PERFORM FROM conversation_states_line
      WHERE subject = p_subject AND channel = v_channel AND lease_until <= p_now AND due_at <= p_now FOR UPDATE;
    CONTINUE WHEN NOT FOUND OR conversation_states_elsewhere(p_subject, v_channel, p_replica, p_now);
    FOR v_taken IN SELECT * FROM conversation_states_take_first(p_subject, v_channel, p_holder, p_seconds, p_now) LOOP
      v_outgoing := v_outgoing || json_build_object(
        'channel', v_channel, 'reply', v_taken.reply, 'tries', v_taken.tries, 'record', v_taken.record);
    END LOOP;
  END LOOP;
  RETURN array_to_json(v_outgoing);
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_take_reply(
  p_subject text, p_channel text, p_holder text, p_seconds float8, p_replica text, p_offset float8
) RETURNS TABLE (reply bigint, tries int, record text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_line conversation_states_line;
  v_now float8;
BEGIN
  SELECT * INTO v_line FROM conversation_states_line WHERE subject = p_subject AND channel = p_channel FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_now := conversation_states_now(p_offset);
  IF conversation_states_elsewhere(p_subject, p_channel, p_replica, v_now) THEN
    RETURN;
  END IF;
  IF v_line.holder = p_holder THEN
    SELECT it.id, it.tries, it.record INTO reply, tries, record
      FROM conversation_states_reply AS it WHERE it.id = v_line.reply AND it.status = 'waiting';
    IF FOUND THEN
      UPDATE conversation_states_line SET lease_until = v_now + p_seconds
        WHERE subject = p_subject AND channel = p_channel;
      RETURN NEXT;
      RETURN;
    END IF;
    -- What it held is settled; it may take the next.
    UPDATE conversation_states_line SET holder = NULL, lease_until = 0, reply = NULL
      WHERE subject = p_subject AND channel = p_channel;
    v_line.lease_until := 0;
  END IF;
  IF v_line.lease_until <= v_now AND v_line.due_at <= v_now THEN
    RETURN QUERY SELECT * FROM conversation_states_take_first(p_subject, p_channel, p_holder, p_seconds, v_now);
  END IF;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_settle_reply(
  p_subject text, p_channel text, p_reply_id text, p_holder text, p_tries int,
  p_status text, p_provider_id text, p_error_code bigint, p_retry_in float8, p_timeline text[],
  p_seconds float8, p_replica text, p_offset float8
) RETURNS TABLE (reply bigint, tries int, record text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_line conversation_states_line;
  v_reply conversation_states_reply;
  v_now float8;
BEGIN
  PERFORM FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  SELECT * INTO v_line FROM conversation_states_line WHERE subject = p_subject AND channel = p_channel FOR UPDATE;
  SELECT * INTO v_reply FROM conversation_states_reply
    WHERE subject = p_subject AND channel = p_channel AND reply_id = p_reply_id;
  IF NOT FOUND OR v_line.holder IS DISTINCT FROM p_holder THEN
    RETURN;
  END IF;
  v_now := conversation_states_now(p_offset);
  IF v_line.reply IS DISTINCT FROM v_reply.id THEN  -- this call was answered before: the holder is further on
    RETURN QUERY SELECT * FROM conversation_states_take_reply(
      p_subject, p_channel, p_holder, p_seconds, p_replica, p_offset);
    RETURN;
  END IF;
  IF v_reply.tries <> p_tries THEN  -- the attempt took too long, and its holder has begun another one
    RETURN;
  END IF;
  IF v_reply.status = 'waiting' THEN  -- unless a status callback was faster
    UPDATE conversation_states_reply
      SET status = p_status, provider_id = coalesce(p_provider_id, provider_id), error_code = p_error_code
      WHERE id = v_reply.id;
    PERFORM conversation_states_append(p_subject, p_timeline, v_now);
    PERFORM conversation_states_touch(p_subject, v_now);
    IF p_status = 'waiting' THEN
      UPDATE conversation_states_line
        SET holder = NULL, lease_until = 0, reply = NULL, due_at = v_now + coalesce(p_retry_in, 0)
        WHERE subject = p_subject AND channel = p_channel;
      RETURN;
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM conversation_states_go_on(p_subject, p_channel, p_holder, p_seconds, p_replica, v_now);
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_touch(p_subject text, p_now float8) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE conversation_states_lane SET touched_at = p_now, touched_day = floor(p_now / 86400) WHERE subject = p_subject;
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_rank(p_status text) RETURNS int
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE p_status WHEN 'waiting' THEN 0 WHEN 'undelivered' THEN 2 WHEN 'delivered' THEN 3 WHEN 'read' THEN 4
    ELSE 1 END
$$;

-- Whether a status callback moved the reply.
CREATE OR REPLACE FUNCTION conversation_states_delivery_status(
  p_subject text, p_reply_id text, p_status text, p_provider_id text, p_error_code bigint, p_timeline text[],
  p_offset float8
) RETURNS boolean
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_reply conversation_states_reply;
  v_first bigint;
  v_now float8;
BEGIN
  PERFORM FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  PERFORM FROM conversation_states_line WHERE subject = p_subject AND channel = (
    SELECT channel FROM conversation_states_reply WHERE subject = p_subject AND reply_id = p_reply_id) FOR UPDATE;
  SELECT * INTO v_reply FROM conversation_states_reply WHERE subject = p_subject AND reply_id = p_reply_id;
  IF NOT FOUND OR conversation_states_rank(p_status) <= conversation_states_rank(v_reply.status) THEN
    RETURN false;
  END IF;
  v_now := conversation_states_now(p_offset);
  UPDATE conversation_states_reply SET status = p_status, provider_id = p_provider_id, error_code = p_error_code
    WHERE id = v_reply.id;
  PERFORM conversation_states_append(p_subject, p_timeline, v_now);
  PERFORM conversation_states_touch(p_subject, v_now);
  IF v_reply.status = 'waiting' THEN
    -- Behind the head of the line nothing changes; at the head, the next one need not rest.
    SELECT id INTO v_first FROM conversation_states_reply
      WHERE subject = p_subject AND channel = v_reply.channel AND status = 'waiting' ORDER BY id LIMIT 1;
    IF v_first IS NULL OR v_first > v_reply.id THEN
      UPDATE conversation_states_line SET due_at = CASE WHEN v_first IS NOT NULL THEN v_now END
        WHERE subject = p_subject AND channel = v_reply.channel;
    END IF;
  END IF;
  RETURN true;
END
$$;

-- Keep a claimed reply that cannot be read for people, and claim the one behind it.
CREATE OR REPLACE FUNCTION conversation_states_skip_reply(
  p_subject text, p_channel text, p_holder text, p_reply bigint, p_seconds float8, p_offset float8
) RETURNS TABLE (reply bigint, tries int, record text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8;
BEGIN
  PERFORM FROM conversation_states_line AS it
    WHERE it.subject = p_subject AND it.channel = p_channel AND it.holder = p_holder AND it.reply = p_reply FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_now := conversation_states_now(p_offset);
  INSERT INTO conversation_states_set_aside (subject, kind, key, reason, at, record)
    SELECT it.subject, 'reply', it.reply_id, 'unreadable', v_now, it.record
    FROM conversation_states_reply AS it WHERE it.id = p_reply;
  DELETE FROM conversation_states_reply WHERE id = p_reply;
  RETURN QUERY SELECT * FROM conversation_states_take_first(p_subject, p_channel, p_holder, p_seconds, v_now);
END
$$;

-- Work that no lease covers now; `channel` is NULL for a lane. What somebody works on this moment is passed over.
CREATE OR REPLACE FUNCTION conversation_states_find_due(p_limit int, p_replica text, p_offset float8)
RETURNS TABLE (subject text, channel text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8 := conversation_states_now(p_offset);
BEGIN
  PERFORM conversation_states_hasten();
  RETURN QUERY SELECT coalesce(lane.spelled, lane.subject), NULL::text
    FROM conversation_states_lane AS lane WHERE lane.due_at <= v_now AND lane.lease_until <= v_now
    ORDER BY lane.due_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED;
  RETURN QUERY SELECT coalesce(lane.spelled, lane.subject), line.channel
    FROM conversation_states_line AS line JOIN conversation_states_lane AS lane USING (subject)
    WHERE line.due_at <= v_now AND line.lease_until <= v_now
      AND NOT conversation_states_elsewhere(line.subject, line.channel, p_replica, v_now)
    ORDER BY line.due_at LIMIT p_limit FOR NO KEY UPDATE OF line SKIP LOCKED;
END
$$;
