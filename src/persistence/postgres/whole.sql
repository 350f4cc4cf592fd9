SELECT 'head' AS part, '' AS kind, '' AS key, version AS sequence, head AS record, 0::float8 AS sort
  FROM conversation_states_head WHERE subject = $1
UNION ALL SELECT 'row', kind, coalesce(spelled, key), sequence, record, 0
  FROM conversation_states_row WHERE subject = $1
UNION ALL SELECT 'index', name, key, 0, '', sort FROM conversation_states_index WHERE subject = $1
