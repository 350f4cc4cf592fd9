-- Who holds a call: noted by the replica that has its socket, and asked before something is handed out to be said.

CREATE OR REPLACE FUNCTION conversation_states_presence(
  p_subject text, p_call text, p_replica text, p_seconds float8, p_renew boolean, p_offset float8
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  v_now float8 := conversation_states_now(p_offset);
BEGIN
  PERFORM conversation_states_hasten();
  IF p_seconds <= 0 THEN
    DELETE FROM conversation_states_presence WHERE subject = p_subject AND call = p_call AND replica = p_replica;
    RETURN;
  END IF;
  INSERT INTO conversation_states_presence AS it (subject, call, replica, until)
    VALUES (p_subject, p_call, p_replica, v_now + p_seconds)
    ON CONFLICT (subject) DO UPDATE
      SET call = excluded.call, replica = excluded.replica, until = excluded.until
      WHERE NOT p_renew OR it.until <= v_now OR (it.call, it.replica) = (excluded.call, excluded.replica);
END
$$;

CREATE OR REPLACE FUNCTION conversation_states_present(p_subject text, p_offset float8)
RETURNS TABLE (call text, replica text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY SELECT call, replica FROM conversation_states_presence
    WHERE subject = p_subject AND until > conversation_states_now(p_offset);
END
$$;

-- Whether what waits in a line can be said at another replica only.
CREATE OR REPLACE FUNCTION conversation_states_elsewhere(
  p_subject text, p_channel text, p_replica text, p_now float8
) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RETURN p_channel = 'voice' AND EXISTS (
    SELECT FROM conversation_states_presence WHERE subject = p_subject AND until > p_now AND replica <> p_replica);
END
$$;
