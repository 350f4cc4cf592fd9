
CREATE SEQUENCE conversation_states_fence;
SELECT setval('conversation_states_fence', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE TABLE conversation_states_lane (
  subject text COLLATE "C" PRIMARY KEY,
  spelled text,
  fence bigint NOT NULL DEFAULT 0,
  claimer text,
  holder text,
  seconds float8 NOT NULL DEFAULT 0,
  lease_until float8 NOT NULL DEFAULT 0,
  tried bigint,
  unreadable boolean NOT NULL DEFAULT false,
  wake_at float8,
  due_at float8,
  touched_at float8 NOT NULL DEFAULT 0,
  touched_day int NOT NULL DEFAULT 0
) WITH (fillfactor = 60);
CREATE INDEX conversation_states_lane_due ON conversation_states_lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX conversation_states_lane_age ON conversation_states_lane (touched_day);

CREATE TABLE conversation_states_entry (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  token text NOT NULL,
  accepted_at float8 NOT NULL,
  tries int NOT NULL DEFAULT 0,
  waiting boolean NOT NULL DEFAULT true,
  record text NOT NULL,
  UNIQUE (subject, key)
);
CREATE INDEX conversation_states_entry_waiting ON conversation_states_entry (subject, id) WHERE waiting;
CREATE INDEX conversation_states_entry_oldest ON conversation_states_entry (accepted_at) WHERE waiting;
CREATE INDEX conversation_states_entry_age ON conversation_states_entry (accepted_at) WHERE NOT waiting;

CREATE TABLE conversation_states (
  subject text COLLATE "C" PRIMARY KEY,
  version bigint NOT NULL,
  updated_at float8 NOT NULL,
  last_channel text NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_recent ON conversation_states (updated_at, subject);

CREATE TABLE conversation_states_opt_out (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  UNIQUE (subject, channel)
);

CREATE TABLE conversation_states_answer (
  subject text COLLATE "C" NOT NULL,
  token text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  record json NOT NULL,
  PRIMARY KEY (subject, token)
);

CREATE TABLE conversation_states_approval (
  approval_id text COLLATE "C" PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  status text NOT NULL,
  expires_at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_approval_pending ON conversation_states_approval (expires_at, approval_id)
  WHERE status = 'pending';
CREATE INDEX conversation_states_approval_open ON conversation_states_approval (subject)
  WHERE status = 'pending';
CREATE INDEX conversation_states_approval_subject ON conversation_states_approval (subject);
CREATE INDEX conversation_states_approval_expiry ON conversation_states_approval (expires_at, approval_id);

CREATE TABLE conversation_states_timeline (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_timeline_subject ON conversation_states_timeline (subject, id);

CREATE TABLE conversation_states_effect (
  subject text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  token text NOT NULL,
  at float8 NOT NULL,
  result text,
  PRIMARY KEY (subject, key)
);
CREATE INDEX conversation_states_effect_age ON conversation_states_effect (at);

CREATE TABLE conversation_states_reply (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  reply_id text COLLATE "C" NOT NULL,
  status text NOT NULL DEFAULT 'waiting',
  tries int NOT NULL DEFAULT 0,
  provider_id text,
  error_code bigint,
  queued_at float8 NOT NULL,
  record text NOT NULL,
  UNIQUE (subject, reply_id)
);
CREATE INDEX conversation_states_reply_subject ON conversation_states_reply (subject, id);
CREATE INDEX conversation_states_reply_waiting ON conversation_states_reply (subject, channel, id)
  WHERE status = 'waiting';
CREATE INDEX conversation_states_reply_oldest ON conversation_states_reply (queued_at) WHERE status = 'waiting';

CREATE TABLE conversation_states_line (
  subject text COLLATE "C" NOT NULL,
  channel text NOT NULL,
  holder text,
  lease_until float8 NOT NULL DEFAULT 0,
  reply bigint,
  due_at float8,
  PRIMARY KEY (subject, channel)
) WITH (fillfactor = 60);
CREATE INDEX conversation_states_line_due ON conversation_states_line (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE conversation_states_ticket (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  ticket_id text COLLATE "C" NOT NULL UNIQUE,
  subject text COLLATE "C" NOT NULL,
  status text NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_ticket_subject ON conversation_states_ticket (subject, id);
CREATE INDEX conversation_states_ticket_open ON conversation_states_ticket (subject) WHERE status = 'open';

CREATE TABLE conversation_states_set_aside (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  key text NOT NULL,
  reason text NOT NULL,
  at float8 NOT NULL,
  record text NOT NULL
);
CREATE INDEX conversation_states_set_aside_subject ON conversation_states_set_aside (subject);
CREATE INDEX conversation_states_set_aside_age ON conversation_states_set_aside (at);

CREATE TABLE conversation_states_audit_key (id int PRIMARY KEY CHECK (id = 1), key bytea NOT NULL);
CREATE TABLE conversation_states_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  subject_hash text NOT NULL,
  at float8 NOT NULL,
  actor text NOT NULL,
  deleted bigint NOT NULL
);
CREATE INDEX conversation_states_audit_subject ON conversation_states_audit (subject_hash, id);
CREATE UNLOGGED TABLE conversation_states_presence (
  subject text COLLATE "C" PRIMARY KEY,
  call text NOT NULL,
  replica text NOT NULL,
  until float8 NOT NULL
);

ALTER TABLE conversation_states ADD COLUMN head text NOT NULL DEFAULT '';
CREATE TABLE conversation_states_schema (version int);
CREATE FUNCTION conversation_states_lock(p_subject text, p_spelled text) RETURNS conversation_states_lane
LANGUAGE plpgsql AS $$
DECLARE
  v_lane conversation_states_lane;
BEGIN
  SELECT * INTO v_lane FROM conversation_states_lane WHERE subject = p_subject FOR UPDATE;
  RETURN v_lane;
END
$$;
INSERT INTO conversation_states (subject, version, updated_at, last_channel, record, head) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', '1', '1796040867.124618', 'sms', E'{"format":1,"record":{"subject":"phone_14155550100","created_at":1.0,"updated_at":1.0,"version":0,"turns_taken":1,"routes":{"sms":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}}},"last_channel":"sms","history":[{"number":1,"channel":"sms","at":5.0,"items":[{"role":"user","content":"Où est ma commande? 📦"}]}],"unfolded":[],"summary":"Asked.","context":{"name":"Jane"},"approvals":[{"id":"apr_1","subject":"phone_14155550100","call_id":"call_apr_1","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"{\\"$schemaVersion\\": \\"1.0\\"}","fingerprint":"","effect_key":"","status":"pending","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":null},{"id":"apr_2","subject":"phone_14155550100","call_id":"call_apr_2","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"","fingerprint":"","effect_key":"","status":"executed","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":"REF_1"}],"escalation":null,"opted_out":["whatsapp"],"meter":{"arrivals":[],"noticed_at":0.0,"last_digest":"","last_shape":"","last_at":0.0,"repeats":0,"shapes":0},"in_session":false,"paused":false,"formerly":[]}}', '{"format":1,"record":{"preview":"Où est ma commande? 📦","escalation":null,"paused":false,"pending":1}}');
INSERT INTO conversation_states (subject, version, updated_at, last_channel, record, head) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550101', '1', '1796040867.168575', 'sms', '{"format":1,"record":{"subject":"phone_14155550101","created_at":1.0,"updated_at":1.0,"version":0,"turns_taken":0,"routes":{},"last_channel":"sms","history":[],"unfolded":[],"summary":"quiet","context":{},"approvals":[],"escalation":null,"opted_out":["sms"],"meter":{"arrivals":[],"noticed_at":0.0,"last_digest":"","last_shape":"","last_at":0.0,"repeats":0,"shapes":0},"in_session":false,"paused":false,"formerly":[]}}', '{"format":1,"record":{"preview":"","escalation":null,"paused":false,"pending":0}}');
INSERT INTO conversation_states_answer (subject, token, at, record) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', 't-commit', '1796040867.124618', E'{"version" : 1, "waiting" : [{"id" : 2, "at" : 1796040867.095536, "tries" : 1, "record" : "{\\"format\\":1,\\"record\\":{\\"key\\":\\"SM2\\",\\"body\\":{\\"route\\":{\\"channel\\":\\"sms\\",\\"customer\\":{\\"scheme\\":\\"tel\\",\\"value\\":\\"+14155550100\\"},\\"ours\\":{\\"scheme\\":\\"tel\\",\\"value\\":\\"+14155550199\\"}},\\"text\\":\\"Where is my order?\\",\\"media\\":0,\\"opt_out\\":\\"\\",\\"masked\\":[],\\"kind\\":\\"text\\"}}}"}], "outgoing" : [{"channel" : "sms", "reply" : 1, "tries" : 1, "record" : "{\\"format\\":1,\\"record\\":{\\"id\\":\\"r1\\",\\"route\\":{\\"channel\\":\\"sms\\",\\"customer\\":{\\"scheme\\":\\"tel\\",\\"value\\":\\"+14155550100\\"},\\"ours\\":{\\"scheme\\":\\"tel\\",\\"value\\":\\"+14155550199\\"}},\\"text\\":\\"Hello\\",\\"turn\\":1,\\"created_at\\":1.0,\\"to_another\\":false}}"},{"channel" : "whatsapp", "reply" : 3, "tries" : 1, "record" : "{\\"format\\":1,\\"record\\":{\\"id\\":\\"w1\\",\\"route\\":{\\"channel\\":\\"whatsapp\\",\\"customer\\":{\\"scheme\\":\\"whatsapp\\",\\"value\\":\\"+14155550100\\"},\\"ours\\":{\\"scheme\\":\\"whatsapp\\",\\"value\\":\\"+14155550199\\"}},\\"text\\":\\"Hello\\",\\"turn\\":1,\\"created_at\\":1.0,\\"to_another\\":false}}"}]}');
INSERT INTO conversation_states_answer (subject, token, at, record) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550101', 'token-10', '1796040867.168575', '{"version" : 1, "waiting" : [], "outgoing" : []}');
INSERT INTO conversation_states_approval (approval_id, subject, status, expires_at, record) OVERRIDING SYSTEM VALUE VALUES ('apr_1', 'phone_14155550100', 'pending', '5000000000', E'{"format":1,"record":{"id":"apr_1","subject":"phone_14155550100","call_id":"call_apr_1","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"{\\"$schemaVersion\\": \\"1.0\\"}","fingerprint":"","effect_key":"","status":"pending","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":null}}');
INSERT INTO conversation_states_approval (approval_id, subject, status, expires_at, record) OVERRIDING SYSTEM VALUE VALUES ('apr_2', 'phone_14155550100', 'executed', '5000000000', '{"format":1,"record":{"id":"apr_2","subject":"phone_14155550100","call_id":"call_apr_2","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"","fingerprint":"","effect_key":"","status":"executed","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":"REF_1"}}');
INSERT INTO conversation_states_audit (id, subject_hash, at, actor, deleted) OVERRIDING SYSTEM VALUE VALUES ('1', '08701b77445a75f2d6b2cc0a1d6ec65ebb041a5bf52ea254e80ea975d4030b77', '1796040867.18547', 'alice', '4');
INSERT INTO conversation_states_audit_key (id, key) OVERRIDING SYSTEM VALUE VALUES ('1', E'\\x6076fb619f9486f23962f5dd22ddba06ec60725b9f660d208cdbb00c8e6cde3e');
INSERT INTO conversation_states_effect (subject, key, token, at, result) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', 'refund', 'e1', '1796040867.1664', 'REF_1');
INSERT INTO conversation_states_effect (subject, key, token, at, result) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', 'begun', 'e2', '1796040867.167034', NULL);
INSERT INTO conversation_states_effect (subject, key, token, at, result) OVERRIDING SYSTEM VALUE VALUES ('message_sids', 'SM1', 'x', '1796040867.169786', NULL);
INSERT INTO conversation_states_entry (id, subject, key, token, accepted_at, tries, waiting, record) OVERRIDING SYSTEM VALUE VALUES ('1', 'phone_14155550100', 'SM1', 't-accept', '1796040867.095536', '1', 'false', '{"format":1,"record":{"key":"SM1","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO conversation_states_entry (id, subject, key, token, accepted_at, tries, waiting, record) OVERRIDING SYSTEM VALUE VALUES ('3', 'phone_14155550100', 'poison', 't-accept', '1796040867.095536', '0', 'false', '{"format":1,"record":{"key":"poison","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO conversation_states_entry (id, subject, key, token, accepted_at, tries, waiting, record) OVERRIDING SYSTEM VALUE VALUES ('2', 'phone_14155550100', 'SM2', 't-accept', '1796040867.095536', '1', 'true', '{"format":1,"record":{"key":"SM2","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO conversation_states_entry (id, subject, key, token, accepted_at, tries, waiting, record) OVERRIDING SYSTEM VALUE VALUES ('4', '#sha256:06d1c64b08c2566b3ccb349c83728036160def2adbadfc7470def05de50becad', '#sha256:17b16d8ef494060fefa36a6a41567b8c32d213a17e02b7eeae86158cc4495461', 'tl', '1796040867.170234', '0', 'true', '{"format":1,"record":{"key":"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO conversation_states_lane (subject, spelled, fence, claimer, holder, seconds, lease_until, tried, unreadable, wake_at, due_at, touched_at, touched_day) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', NULL, '1796040866962', 'h1', NULL, '5', '0', NULL, 'false', '5000000000', '1796040867.095536', '1796040867.141964', '20787');
INSERT INTO conversation_states_lane (subject, spelled, fence, claimer, holder, seconds, lease_until, tried, unreadable, wake_at, due_at, touched_at, touched_day) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550101', NULL, '1796040866963', 'holder-9', NULL, '5', '0', NULL, 'false', NULL, NULL, '1796040867.168575', '20787');
INSERT INTO conversation_states_lane (subject, spelled, fence, claimer, holder, seconds, lease_until, tried, unreadable, wake_at, due_at, touched_at, touched_day) OVERRIDING SYSTEM VALUE VALUES ('#sha256:06d1c64b08c2566b3ccb349c83728036160def2adbadfc7470def05de50becad', 'long_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '0', NULL, NULL, '0', '0', NULL, 'false', NULL, '1796040867.170234', '1796040867.170234', '20787');
INSERT INTO conversation_states_line (subject, channel, holder, lease_until, reply, due_at) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', 'whatsapp', 'h1', '1796040872.124618', '3', '1796040867.124618');
INSERT INTO conversation_states_line (subject, channel, holder, lease_until, reply, due_at) OVERRIDING SYSTEM VALUE VALUES ('phone_14155550100', 'sms', NULL, '0', NULL, '1796040868.141964');
INSERT INTO conversation_states_opt_out (id, subject, channel) OVERRIDING SYSTEM VALUE VALUES ('1', 'phone_14155550100', 'whatsapp');
INSERT INTO conversation_states_opt_out (id, subject, channel) OVERRIDING SYSTEM VALUE VALUES ('2', 'phone_14155550101', 'sms');
INSERT INTO conversation_states_reply (id, subject, channel, reply_id, status, tries, provider_id, error_code, queued_at, record) OVERRIDING SYSTEM VALUE VALUES ('3', 'phone_14155550100', 'whatsapp', 'w1', 'waiting', '1', NULL, NULL, '1796040867.124618', '{"format":1,"record":{"id":"w1","route":{"channel":"whatsapp","customer":{"scheme":"whatsapp","value":"+14155550100"},"ours":{"scheme":"whatsapp","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
INSERT INTO conversation_states_reply (id, subject, channel, reply_id, status, tries, provider_id, error_code, queued_at, record) OVERRIDING SYSTEM VALUE VALUES ('1', 'phone_14155550100', 'sms', 'r1', 'sent', '1', 'SM9', NULL, '1796040867.124618', '{"format":1,"record":{"id":"r1","route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
INSERT INTO conversation_states_reply (id, subject, channel, reply_id, status, tries, provider_id, error_code, queued_at, record) OVERRIDING SYSTEM VALUE VALUES ('2', 'phone_14155550100', 'sms', 'r2', 'waiting', '1', NULL, NULL, '1796040867.124618', '{"format":1,"record":{"id":"r2","route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
INSERT INTO conversation_states_schema (version) OVERRIDING SYSTEM VALUE VALUES ('2');
INSERT INTO conversation_states_set_aside (id, subject, kind, key, reason, at, record) OVERRIDING SYSTEM VALUE VALUES ('1', 'phone_14155550100', 'entry', 'poison', 'failed', '1796040867.124618', '{"format":1,"record":{"key":"poison","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO conversation_states_ticket (id, ticket_id, subject, status, record) OVERRIDING SYSTEM VALUE VALUES ('1', 'T1', 'phone_14155550100', 'open', '{"format":1,"record":{"id":"T1","subject":"phone_14155550100","title":"Refund","description":"The customer wants a person. 🙋","priority":"high","created_at":3.0,"respond_by":4.0,"escalation":true,"status":"open","external_id":null,"history":[]}}');
INSERT INTO conversation_states_ticket (id, ticket_id, subject, status, record) OVERRIDING SYSTEM VALUE VALUES ('2', 'T2', 'phone_14155550100', 'closed', '{"format":1,"record":{"id":"T2","subject":"phone_14155550100","title":"Refund","description":"The customer wants a person. 🙋","priority":"high","created_at":3.0,"respond_by":4.0,"escalation":true,"status":"closed","external_id":null,"history":[]}}');
INSERT INTO conversation_states_timeline (id, subject, at, record) OVERRIDING SYSTEM VALUE VALUES ('1', 'phone_14155550100', '1796040867.124618', '{"format":1,"record":{"name":"turn","source":"agent","tone":"info","channel":null,"turn":null,"data":{"n":1},"at":0.0}}');
INSERT INTO conversation_states_timeline (id, subject, at, record) OVERRIDING SYSTEM VALUE VALUES ('2', 'phone_14155550100', '1796040867.124618', '{"format":1,"record":{"name":"more","source":"agent","tone":"info","channel":null,"turn":null,"data":{},"at":0.0}}');
INSERT INTO conversation_states_timeline (id, subject, at, record) OVERRIDING SYSTEM VALUE VALUES ('3', 'phone_14155550100', '1796040867.140945', '{"format":1,"record":{"name":"sent","source":"agent","tone":"info","channel":null,"turn":null,"data":{},"at":0.0}}');
