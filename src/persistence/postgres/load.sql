SELECT 'head' AS part, '' AS kind, '' AS key, version AS sequence, head AS record,
  extract(epoch FROM clock_timestamp())::float8 AS at
  FROM (VALUES (true)) AS always LEFT JOIN conversation_states_head ON subject = $1
UNION ALL SELECT 'row', one.kind, coalesce(spelled, one.key), sequence, record, 0
  FROM unnest($2::text[], $3::text[]) AS name (kind, key) JOIN conversation_states_row AS one
  ON one.subject = $1 AND one.kind = name.kind AND one.key = name.key
UNION ALL SELECT 'kind', kind, coalesce(spelled, key), sequence, record, 0
  FROM conversation_states_row WHERE subject = $1 AND kind = ANY ($4::text[])
UNION ALL SELECT 'newest', one.kind, one.key, one.sequence, one.record, 0
  FROM unnest($5::text[], $6::int[]) AS asked (kind, number) CROSS JOIN LATERAL (
    SELECT kind, coalesce(spelled, key) AS key, sequence, record FROM conversation_states_row
    WHERE subject = $1 AND kind = asked.kind ORDER BY sequence DESC LIMIT asked.number) AS one
UNION ALL SELECT 'count', asked.kind, '',
  (SELECT count(*) FROM conversation_states_row AS one WHERE one.subject = $1 AND one.kind = asked.kind
    AND one.sequence <= coalesce(asked.upto, 9223372036854775807)), '', 0
  FROM unnest($7::text[], $8::bigint[]) AS asked (kind, upto)
