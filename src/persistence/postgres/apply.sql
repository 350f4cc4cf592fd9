-- Applies changes of lanes, all of them or none: one call, one transaction. True when they are applied, also before;
-- false when somebody was faster, or the error TD001, where some of it was written already and has to be undone.

CREATE OR REPLACE FUNCTION conversation_states_apply(p_changes jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  it jsonb;
  wrote boolean := false;
  done bigint;
BEGIN
  FOR it IN SELECT * FROM jsonb_array_elements(p_changes) LOOP
    IF it ? 'version' THEN
      -- Whoever changes a head locks it, so that nobody else comes between this and the end.
      IF it ->> 'head' IS NULL THEN
        DELETE FROM conversation_states_head
          WHERE subject = it ->> 'subject' AND version = (it ->> 'expected')::bigint;
      ELSIF (it ->> 'expected')::bigint = 0 THEN
        INSERT INTO conversation_states_head (subject, spelled, version, head)
          VALUES (it ->> 'subject', it ->> 'spelled', (it ->> 'version')::bigint, it ->> 'head')
          ON CONFLICT DO NOTHING;
      ELSE
        UPDATE conversation_states_head SET version = (it ->> 'version')::bigint, head = it ->> 'head'
          WHERE subject = it ->> 'subject' AND version = (it ->> 'expected')::bigint;
      END IF;
      IF NOT FOUND THEN
        PERFORM FROM conversation_states_head
          WHERE subject = it ->> 'subject' AND version = (it ->> 'version')::bigint;
        IF FOUND THEN
          RETURN true;
        ELSIF wrote THEN
          RAISE 'somebody was faster' USING ERRCODE = 'TD001';
        END IF;
        RETURN false;
      END IF;
      wrote := true;
    END IF;
    IF it ? 'absent' THEN
      PERFORM FROM jsonb_to_recordset(it -> 'absent') AS name (kind text, key text)
        JOIN conversation_states_row AS one USING (kind, key) WHERE one.subject = it ->> 'subject';
      IF FOUND AND wrote THEN
        RAISE 'somebody was faster' USING ERRCODE = 'TD001';
      ELSIF FOUND THEN
        RETURN false;
      END IF;
    END IF;
    IF it ? 'erase' THEN
      DELETE FROM conversation_states_row WHERE subject = it ->> 'subject';
      DELETE FROM conversation_states_index WHERE subject = it ->> 'subject';
      wrote := true;
    END IF;
    IF it ? 'drops' THEN
      DELETE FROM conversation_states_row AS one
        USING jsonb_to_recordset(it -> 'drops') AS dropped (kind text, upto bigint)
        WHERE one.subject = it ->> 'subject' AND one.kind = dropped.kind
        AND one.sequence <= coalesce(dropped.upto, 9223372036854775807);
    END IF;
    IF it ? 'deletes' THEN
      DELETE FROM conversation_states_row AS one
        USING jsonb_to_recordset(it -> 'deletes') AS deleted (kind text, key text)
        WHERE one.subject = it ->> 'subject' AND one.kind = deleted.kind AND one.key = deleted.key;
    END IF;
    IF it ? 'news' THEN
      -- Rows that must not be there, not even since a moment ago.
      INSERT INTO conversation_states_row (subject, kind, key, spelled, sequence, record)
        SELECT it ->> 'subject', kind, key, spelled, sequence, record
        FROM jsonb_to_recordset(it -> 'news') AS put (kind text, key text, spelled text, sequence bigint, record text)
        ON CONFLICT DO NOTHING;
      GET DIAGNOSTICS done = ROW_COUNT;
      IF done < jsonb_array_length(it -> 'news') THEN
        IF wrote OR done > 0 THEN
          RAISE 'somebody was faster' USING ERRCODE = 'TD001';
        END IF;
        RETURN false;
      END IF;
      wrote := true;
    END IF;
    IF it ? 'keeps' THEN
      INSERT INTO conversation_states_row (subject, kind, key, spelled, sequence, record)
        SELECT it ->> 'subject', kind, key, spelled, sequence, record
        FROM jsonb_to_recordset(it -> 'keeps') AS put (kind text, key text, spelled text, sequence bigint, record text)
        ON CONFLICT DO NOTHING;
    END IF;
    IF it ? 'puts' THEN
      INSERT INTO conversation_states_row (subject, kind, key, spelled, sequence, record)
        SELECT it ->> 'subject', kind, key, spelled, sequence, record
        FROM jsonb_to_recordset(it -> 'puts') AS put (kind text, key text, spelled text, sequence bigint, record text)
        ON CONFLICT (subject, kind, key) DO UPDATE SET record = excluded.record;
    END IF;
    IF it ? 'unindexed' THEN
      DELETE FROM conversation_states_index AS one
        USING jsonb_to_recordset(it -> 'unindexed') AS gone (name text, key text)
        WHERE one.subject = it ->> 'subject' AND one.name = gone.name AND one.key = gone.key;
    END IF;
    IF it ? 'indexed' THEN
      INSERT INTO conversation_states_index AS one (subject, spelled, name, key, sort)
        SELECT it ->> 'subject', it ->> 'spelled', name, key, sort
        FROM jsonb_to_recordset(it -> 'indexed') AS entry (name text, key text, sort float8)
        ON CONFLICT (subject, name, key) DO UPDATE SET sort = excluded.sort WHERE one.sort <> excluded.sort;
    END IF;
  END LOOP;
  RETURN true;
END $$;
