BEGIN TRANSACTION;
CREATE TABLE answer (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  token TEXT NOT NULL,
  at REAL NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (subject, token)
);
INSERT INTO "answer" VALUES(1,'phone_14155550100','t-commit',1.79604086635195469854e+09,'{"format":1,"record":{"version":1,"waiting":[{"entry":{"key":"SM2","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}},"accepted_at":1796040866.209271,"tries":1}],"outgoing":[{"reply":{"id":"r1","route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false},"tries":1,"holder":"h1"},{"reply":{"id":"w1","route":{"channel":"whatsapp","customer":{"scheme":"whatsapp","value":"+14155550100"},"ours":{"scheme":"whatsapp","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false},"tries":1,"holder":"h1"}]}}');
INSERT INTO "answer" VALUES(2,'phone_14155550101','token-2',1.79604086642768859868e+09,'{"format":1,"record":{"version":1,"waiting":[],"outgoing":[]}}');
CREATE TABLE approval (
  id INTEGER PRIMARY KEY,
  approval_id TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  expires_at REAL NOT NULL,
  record TEXT NOT NULL
);
INSERT INTO "approval" VALUES(1,'apr_1','phone_14155550100','pending',5000000000.0,'{"format":1,"record":{"id":"apr_1","subject":"phone_14155550100","call_id":"call_apr_1","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"{\"$schemaVersion\": \"1.0\"}","fingerprint":"","effect_key":"","status":"pending","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":null}}');
INSERT INTO "approval" VALUES(2,'apr_2','phone_14155550100','executed',5000000000.0,'{"format":1,"record":{"id":"apr_2","subject":"phone_14155550100","call_id":"call_apr_2","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"","fingerprint":"","effect_key":"","status":"executed","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":"REF_1"}}');
CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  subject_hash TEXT NOT NULL,
  at REAL NOT NULL,
  actor TEXT NOT NULL,
  deleted INTEGER NOT NULL
);
INSERT INTO "audit" VALUES(1,'f890c315cd2be59ba546987469f2ee7622b6688e87d771e560347c8a615b4ee9',1.79604086645983052256e+09,'alice',4);
CREATE TABLE audit_key (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);
INSERT INTO "audit_key" VALUES(1,X'9DD7802C74D1FD0A6FF8CAD9A08FB131BF007682825F0743D55D52D64CC20887');
CREATE TABLE conversation (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  version INTEGER NOT NULL,
  updated_at REAL NOT NULL,
  last_channel TEXT NOT NULL,
  record TEXT NOT NULL
, head TEXT NOT NULL DEFAULT '');
INSERT INTO "conversation" VALUES(1,'phone_14155550100',1,1.79604086635195469854e+09,'sms','{"format":1,"record":{"subject":"phone_14155550100","created_at":1.0,"updated_at":1796040866.3519547,"version":1,"turns_taken":1,"routes":{"sms":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}}},"last_channel":"sms","history":[{"number":1,"channel":"sms","at":5.0,"items":[{"role":"user","content":"Où est ma commande? 📦"}]}],"unfolded":[],"summary":"Asked.","context":{"name":"Jane"},"approvals":[{"id":"apr_1","subject":"phone_14155550100","call_id":"call_apr_1","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"{\"$schemaVersion\": \"1.0\"}","fingerprint":"","effect_key":"","status":"pending","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":null},{"id":"apr_2","subject":"phone_14155550100","call_id":"call_apr_2","tool":"process_refund","arguments":{"order_id":"A1","amount":250},"customer_text":"I want my money back","channel":"sms","requested_at":2.0,"expires_at":5000000000.0,"snapshot":"","fingerprint":"","effect_key":"","status":"executed","version":1,"retries":0,"edited_arguments":null,"final_message":null,"decided_by":null,"decided_at":null,"reason":null,"result":"REF_1"}],"escalation":null,"opted_out":["whatsapp"],"meter":{"arrivals":[],"noticed_at":0.0,"last_digest":"","last_shape":"","last_at":0.0,"repeats":0,"shapes":0},"in_session":false,"paused":false,"formerly":[]}}','{"format":1,"record":{"preview":"Où est ma commande? 📦","escalation":null,"paused":false,"pending":1}}');
INSERT INTO "conversation" VALUES(2,'phone_14155550101',1,1.79604086642768859868e+09,'sms','{"format":1,"record":{"subject":"phone_14155550101","created_at":1.0,"updated_at":1796040866.4276886,"version":1,"turns_taken":0,"routes":{},"last_channel":"sms","history":[],"unfolded":[],"summary":"quiet","context":{},"approvals":[],"escalation":null,"opted_out":["sms"],"meter":{"arrivals":[],"noticed_at":0.0,"last_digest":"","last_shape":"","last_at":0.0,"repeats":0,"shapes":0},"in_session":false,"paused":false,"formerly":[]}}','{"format":1,"record":{"preview":"","escalation":null,"paused":false,"pending":0}}');
CREATE TABLE effect (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  key TEXT NOT NULL,
  token TEXT NOT NULL,
  at REAL NOT NULL,
  result TEXT,
  UNIQUE (subject, key)
);
INSERT INTO "effect" VALUES(1,'phone_14155550100','refund','e1',1.79604086641547918325e+09,'REF_1');
INSERT INTO "effect" VALUES(2,'phone_14155550100','begun','e2',1.7960408664163780212e+09,NULL);
INSERT INTO "effect" VALUES(3,'message_sids','SM1','x',1.79604086643151950831e+09,NULL);
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  key TEXT NOT NULL,
  token TEXT NOT NULL,
  accepted_at REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  waiting INTEGER NOT NULL DEFAULT 1,
  record TEXT NOT NULL,
  UNIQUE (subject, key)
);
INSERT INTO "entry" VALUES(1,'phone_14155550100','SM1','t-accept',1.79604086620927095412e+09,1,0,'{"format":1,"record":{"key":"SM1","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO "entry" VALUES(2,'phone_14155550100','SM2','t-accept',1.79604086620927095412e+09,1,1,'{"format":1,"record":{"key":"SM2","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO "entry" VALUES(3,'phone_14155550100','poison','t-accept',1.79604086620927095412e+09,0,0,'{"format":1,"record":{"key":"poison","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
INSERT INTO "entry" VALUES(4,'long_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx','kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','tl',1.79604086643963503839e+09,0,1,'{"format":1,"record":{"key":"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
CREATE TABLE fence (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT INTO "fence" VALUES(1,1796040866189);
CREATE TABLE lane (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  fence INTEGER NOT NULL DEFAULT 0,
  holder TEXT,
  seconds REAL NOT NULL DEFAULT 0,
  lease_until REAL NOT NULL DEFAULT 0,
  tried INTEGER,
  unreadable INTEGER NOT NULL DEFAULT 0,
  wake_at REAL,
  due_at REAL,
  touched_at REAL NOT NULL
);
INSERT INTO "lane" VALUES(1,'phone_14155550100',1796040866187,NULL,5.0,0.0,NULL,0,5000000000.0,1.79604086620927095412e+09,1.79604086641154527667e+09);
INSERT INTO "lane" VALUES(2,'phone_14155550101',1796040866188,NULL,5.0,0.0,NULL,0,NULL,NULL,1.79604086642768859868e+09);
INSERT INTO "lane" VALUES(3,'long_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',0,NULL,0.0,0.0,NULL,0,NULL,1.79604086643963503839e+09,1.79604086643963503839e+09);
CREATE TABLE line (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  channel TEXT NOT NULL,
  holder TEXT,
  lease_until REAL NOT NULL DEFAULT 0,
  reply INTEGER,
  due_at REAL,
  UNIQUE (subject, channel)
);
INSERT INTO "line" VALUES(1,'phone_14155550100','sms',NULL,0.0,NULL,1.79604086741154527666e+09);
INSERT INTO "line" VALUES(2,'phone_14155550100','whatsapp','h1',1.79604087135195469859e+09,3,1.79604086635195469854e+09);
CREATE TABLE opt_out (id INTEGER PRIMARY KEY, subject TEXT NOT NULL, channel TEXT NOT NULL, UNIQUE (subject, channel));
INSERT INTO "opt_out" VALUES(1,'phone_14155550100','whatsapp');
INSERT INTO "opt_out" VALUES(2,'phone_14155550101','sms');
CREATE TABLE presence (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL UNIQUE,
  call TEXT NOT NULL,
  replica TEXT NOT NULL,
  until REAL NOT NULL
);
CREATE TABLE reply (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  channel TEXT NOT NULL,
  reply_id TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'waiting',
  tries INTEGER NOT NULL DEFAULT 0,
  provider_id TEXT,
  error_code INTEGER,
  queued_at REAL NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (subject, reply_id)
);
INSERT INTO "reply" VALUES(1,'phone_14155550100','sms','r1','sent',1,'SM9',NULL,1.79604086635195469854e+09,'{"format":1,"record":{"id":"r1","route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
INSERT INTO "reply" VALUES(2,'phone_14155550100','sms','r2','waiting',1,NULL,NULL,1.79604086635195469854e+09,'{"format":1,"record":{"id":"r2","route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
INSERT INTO "reply" VALUES(3,'phone_14155550100','whatsapp','w1','waiting',1,NULL,NULL,1.79604086635195469854e+09,'{"format":1,"record":{"id":"w1","route":{"channel":"whatsapp","customer":{"scheme":"whatsapp","value":"+14155550100"},"ours":{"scheme":"whatsapp","value":"+14155550199"}},"text":"Hello","turn":1,"created_at":1.0,"to_another":false}}');
CREATE TABLE set_aside (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  reason TEXT NOT NULL,
  at REAL NOT NULL,
  record TEXT NOT NULL
);
INSERT INTO "set_aside" VALUES(1,'phone_14155550100','entry','poison','failed',1.79604086635195469854e+09,'{"format":1,"record":{"key":"poison","body":{"route":{"channel":"sms","customer":{"scheme":"tel","value":"+14155550100"},"ours":{"scheme":"tel","value":"+14155550199"}},"text":"Where is my order?","media":0,"opt_out":"","masked":[],"kind":"text"}}}');
CREATE TABLE ticket (
  id INTEGER PRIMARY KEY,
  ticket_id TEXT NOT NULL UNIQUE,
  subject TEXT NOT NULL,
  status TEXT NOT NULL,
  record TEXT NOT NULL
);
INSERT INTO "ticket" VALUES(1,'T1','phone_14155550100','open','{"format":1,"record":{"id":"T1","subject":"phone_14155550100","title":"Refund","description":"The customer wants a person. 🙋","priority":"high","created_at":3.0,"respond_by":4.0,"escalation":true,"status":"open","external_id":null,"history":[]}}');
INSERT INTO "ticket" VALUES(2,'T2','phone_14155550100','closed','{"format":1,"record":{"id":"T2","subject":"phone_14155550100","title":"Refund","description":"The customer wants a person. 🙋","priority":"high","created_at":3.0,"respond_by":4.0,"escalation":true,"status":"closed","external_id":null,"history":[]}}');
CREATE TABLE timeline (
  id INTEGER PRIMARY KEY,
  subject TEXT NOT NULL,
  record TEXT NOT NULL
);
INSERT INTO "timeline" VALUES(1,'phone_14155550100','{"format":1,"record":{"name":"turn","source":"agent","tone":"info","channel":null,"turn":null,"data":{"n":1},"at":1796040866.3519547}}');
INSERT INTO "timeline" VALUES(2,'phone_14155550100','{"format":1,"record":{"name":"more","source":"agent","tone":"info","channel":null,"turn":null,"data":{},"at":1796040866.3519547}}');
INSERT INTO "timeline" VALUES(3,'phone_14155550100','{"format":1,"record":{"name":"sent","source":"agent","tone":"info","channel":null,"turn":null,"data":{},"at":1796040866.4074886}}');
CREATE INDEX lane_due ON lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX entry_waiting ON entry (subject, id) WHERE waiting = 1;
CREATE INDEX entry_oldest ON entry (accepted_at) WHERE waiting = 1;
CREATE INDEX conversation_recent ON conversation (updated_at, subject);
CREATE INDEX answer_age ON answer (subject, at);
CREATE INDEX approval_subject ON approval (subject, status);
CREATE INDEX approval_status ON approval (status, expires_at, approval_id);
CREATE INDEX approval_expiry ON approval (expires_at, approval_id);
CREATE INDEX timeline_subject ON timeline (subject, id);
CREATE INDEX reply_subject ON reply (subject, id);
CREATE INDEX reply_waiting ON reply (subject, channel, id) WHERE status = 'waiting';
CREATE INDEX reply_oldest ON reply (queued_at) WHERE status = 'waiting';
CREATE INDEX line_due ON line (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_subject ON ticket (subject, id);
CREATE INDEX ticket_open ON ticket (subject) WHERE status = 'open';
CREATE INDEX set_aside_subject ON set_aside (subject);
CREATE INDEX audit_subject ON audit (subject_hash, id);
COMMIT;
PRAGMA user_version=3;
