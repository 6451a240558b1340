BEGIN TRANSACTION;
CREATE TABLE answer_choices (
	answer_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	value DOUBLE NOT NULL, 
	CONSTRAINT pk_answer_choices PRIMARY KEY (answer_id, position), 
	CONSTRAINT fk_answer_choices_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id)
);
INSERT INTO "answer_choices" VALUES(1,0,'B',5.5);
INSERT INTO "answer_choices" VALUES(1,1,'A',0.1);
CREATE TABLE answer_reactions (
	answer_id INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	value DOUBLE NOT NULL, 
	CONSTRAINT pk_answer_reactions PRIMARY KEY (answer_id, role, position), 
	CONSTRAINT ck_answer_reactions_role CHECK (role IN ('own', 'widest', 'optimistic', 'pessimistic')), 
	CONSTRAINT fk_answer_reactions_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id)
);
INSERT INTO "answer_reactions" VALUES(1,'own',0,1.0);
INSERT INTO "answer_reactions" VALUES(1,'own',1,0.0);
INSERT INTO "answer_reactions" VALUES(1,'own',2,2.5);
INSERT INTO "answer_reactions" VALUES(1,'pessimistic',0,0.0);
INSERT INTO "answer_reactions" VALUES(1,'pessimistic',1,1.0);
INSERT INTO "answer_reactions" VALUES(1,'pessimistic',2,-0.5);
CREATE TABLE answer_violations (
	answer_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	amount DOUBLE NOT NULL, 
	CONSTRAINT pk_answer_violations PRIMARY KEY (answer_id, name), 
	CONSTRAINT fk_answer_violations_answer_id FOREIGN KEY(answer_id) REFERENCES answers (id)
);
INSERT INTO "answer_violations" VALUES(1,'noise',0.25);
CREATE TABLE answers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id INTEGER NOT NULL, 
	ties TEXT NOT NULL, 
	status TEXT NOT NULL, 
	value DOUBLE, 
	optimistic DOUBLE, 
	pessimistic DOUBLE, 
	reason TEXT NOT NULL, 
	cpu DOUBLE NOT NULL, 
	wall DOUBLE NOT NULL, 
	solver_wall DOUBLE NOT NULL, 
	elapsed DOUBLE NOT NULL, 
	stored_at DATETIME NOT NULL, 
	environment INTEGER NOT NULL, 
	CONSTRAINT ck_answers_ties CHECK (ties IN ('optimistic', 'pessimistic')), 
	CONSTRAINT fk_answers_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT fk_answers_environment FOREIGN KEY(environment) REFERENCES environments (id)
);
INSERT INTO "answers" VALUES(1,2,'pessimistic','bilevel feasible',15.0,NULL,-1.0e-300,'',0.25,0.5,0.125,1.0,'2026-11-27 15:14:39.596922',1);
CREATE TABLE brackets (
	job_id INTEGER NOT NULL, 
	objective DOUBLE, 
	bound DOUBLE NOT NULL, 
	bound_kind TEXT NOT NULL, 
	best INTEGER, 
	CONSTRAINT pk_brackets PRIMARY KEY (job_id), 
	CONSTRAINT fk_brackets_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT fk_brackets_best FOREIGN KEY(best) REFERENCES answers (id)
);
INSERT INTO "brackets" VALUES(2,5.5,6.0,'value-function cuts',1);
CREATE TABLE comparisons (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	candidate VARCHAR(16) NOT NULL, 
	baseline VARCHAR(16) NOT NULL, 
	measure TEXT NOT NULL, 
	ratio DOUBLE NOT NULL, 
	low DOUBLE NOT NULL, 
	high DOUBLE NOT NULL, 
	candidate_solved INTEGER NOT NULL, 
	baseline_solved INTEGER NOT NULL, 
	pairs INTEGER NOT NULL, 
	CONSTRAINT pk_comparisons PRIMARY KEY (id), 
	CONSTRAINT fk_comparisons_baseline FOREIGN KEY(baseline) REFERENCES configurations ("key"), 
	CONSTRAINT fk_comparisons_candidate FOREIGN KEY(candidate) REFERENCES configurations ("key"), 
	CONSTRAINT fk_comparisons_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_comparisons_job_id_candidate_baseline_measure UNIQUE (job_id, candidate, baseline, measure)
);
INSERT INTO "comparisons" VALUES(1,1,'639dcee4ce6b8029','6e0f1166407151ab','shifted geometric mean',1.5,1.25,9e999,9,8,10);
CREATE TABLE configuration_parameters (
	configuration VARCHAR(16) NOT NULL, 
	name TEXT NOT NULL, 
	type TEXT NOT NULL, 
	value TEXT NOT NULL, 
	CONSTRAINT pk_configuration_parameters PRIMARY KEY (configuration, name), 
	CONSTRAINT ck_configuration_parameters_type CHECK (type IN ('boolean', 'integer', 'float', 'text')), 
	CONSTRAINT fk_configuration_parameters_configuration FOREIGN KEY(configuration) REFERENCES configurations ("key")
);
INSERT INTO "configuration_parameters" VALUES('639dcee4ce6b8029','mip_detect_symmetry','boolean','false');
INSERT INTO "configuration_parameters" VALUES('639dcee4ce6b8029','mip_heuristic_effort','float','0.1');
INSERT INTO "configuration_parameters" VALUES('639dcee4ce6b8029','presolve','text','off');
INSERT INTO "configuration_parameters" VALUES('43d580056223bbcb','lp/scaling','integer','0');
INSERT INTO "configuration_parameters" VALUES('7fc70eb57de3b59e','presolve','text','off');
INSERT INTO "configuration_parameters" VALUES('dcb2586846fb0482','mip_heuristic_effort','float','0.25');
INSERT INTO "configuration_parameters" VALUES('dcb2586846fb0482','presolve','text','off');
CREATE TABLE configurations (
	"key" VARCHAR(16) NOT NULL, 
	solver TEXT NOT NULL, 
	CONSTRAINT pk_configurations PRIMARY KEY ("key")
);
INSERT INTO "configurations" VALUES('6e0f1166407151ab','highs');
INSERT INTO "configurations" VALUES('639dcee4ce6b8029','highs');
INSERT INTO "configurations" VALUES('43d580056223bbcb','scip');
INSERT INTO "configurations" VALUES('7fc70eb57de3b59e','highs');
INSERT INTO "configurations" VALUES('dcb2586846fb0482','highs');
CREATE TABLE environments (
	id INTEGER NOT NULL, 
	host TEXT NOT NULL, 
	processor TEXT NOT NULL, 
	cores INTEGER NOT NULL, 
	software TEXT NOT NULL, 
	CONSTRAINT pk_environments PRIMARY KEY (id), 
	CONSTRAINT uq_environments_host_processor_cores_software UNIQUE (host, processor, cores, software)
);
INSERT INTO "environments" VALUES(1,'here','Model T',8,'highspy 1.15.1');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	elapsed DOUBLE NOT NULL, 
	kind TEXT NOT NULL, 
	text TEXT NOT NULL, 
	stored_at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "events" VALUES(1,1,3.5,'refuted','highs claimed 3, but 2 is possible','2026-11-22 20:49:32.443074');
CREATE TABLE incumbents (
	id INTEGER NOT NULL, 
	job_id INTEGER NOT NULL, 
	configuration VARCHAR(16) NOT NULL, 
	elapsed DOUBLE NOT NULL, 
	cost DOUBLE NOT NULL, 
	default_cost DOUBLE NOT NULL, 
	pairs INTEGER NOT NULL, 
	CONSTRAINT pk_incumbents PRIMARY KEY (id), 
	CONSTRAINT fk_incumbents_configuration FOREIGN KEY(configuration) REFERENCES configurations ("key"), 
	CONSTRAINT fk_incumbents_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "incumbents" VALUES(1,1,'639dcee4ce6b8029',61.5,1.5,2.25,6);
CREATE TABLE instance_set_members (
	set_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_instance_set_members PRIMARY KEY (set_id, position), 
	CONSTRAINT fk_instance_set_members_set_id FOREIGN KEY(set_id) REFERENCES instance_sets (id), 
	CONSTRAINT fk_instance_set_members_sha256 FOREIGN KEY(sha256) REFERENCES models (sha256), 
	CONSTRAINT uq_instance_set_members_set_id_name UNIQUE (set_id, name)
);
INSERT INTO "instance_set_members" VALUES(1,0,'464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d','a');
CREATE TABLE instance_sets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	owner TEXT NOT NULL, 
	name TEXT NOT NULL, 
	created_at DATETIME NOT NULL
);
INSERT INTO "instance_sets" VALUES(1,'me','spring','2026-11-27 18:02:14.490934');
CREATE TABLE instances (
	sha256 VARCHAR(64) NOT NULL, 
	columns BIGINT NOT NULL, 
	rows BIGINT NOT NULL, 
	nonzeros BIGINT NOT NULL, 
	integers BIGINT NOT NULL, features TEXT, 
	CONSTRAINT pk_instances PRIMARY KEY (sha256), 
	CONSTRAINT ck_instances_sha256 CHECK (length(sha256) = 64)
);
INSERT INTO "instances" VALUES('00000000000000000000000000000000000000000000000000000000000000fc',33,23,93,13,NULL);
INSERT INTO "instances" VALUES('00000000000000000000000000000000000000000000000000000000000000fd',32,22,92,12,NULL);
INSERT INTO "instances" VALUES('00000000000000000000000000000000000000000000000000000000000000fe',31,21,91,11,NULL);
INSERT INTO "instances" VALUES('00000000000000000000000000000000000000000000000000000000000000ff',30,20,90,10,NULL);
CREATE TABLE job_fixed (
	job_id INTEGER NOT NULL, 
	configuration VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_job_fixed PRIMARY KEY (job_id, configuration), 
	CONSTRAINT fk_job_fixed_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT fk_job_fixed_configuration FOREIGN KEY(configuration) REFERENCES configurations ("key")
);
INSERT INTO "job_fixed" VALUES(4,'43d580056223bbcb');
INSERT INTO "job_fixed" VALUES(4,'7fc70eb57de3b59e');
CREATE TABLE job_members (
	job_id INTEGER NOT NULL, 
	instance VARCHAR(64) NOT NULL, 
	part TEXT NOT NULL, 
	name TEXT NOT NULL, 
	path TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	CONSTRAINT pk_job_members PRIMARY KEY (job_id, instance), 
	CONSTRAINT ck_job_members_part CHECK (part IN ('training', 'holdout')), 
	CONSTRAINT fk_job_members_instance FOREIGN KEY(instance) REFERENCES instances (sha256), 
	CONSTRAINT fk_job_members_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_job_members_job_id_position UNIQUE (job_id, position)
);
INSERT INTO "job_members" VALUES(1,'00000000000000000000000000000000000000000000000000000000000000ff','training','day/0','/models/day/0.mps.gz',0);
INSERT INTO "job_members" VALUES(1,'00000000000000000000000000000000000000000000000000000000000000fe','training','day/1','/models/day/1.mps.gz',1);
INSERT INTO "job_members" VALUES(1,'00000000000000000000000000000000000000000000000000000000000000fd','training','day/2','/models/day/2.mps.gz',2);
INSERT INTO "job_members" VALUES(1,'00000000000000000000000000000000000000000000000000000000000000fc','holdout','day/3','/models/day/3.mps.gz',3);
INSERT INTO "job_members" VALUES(4,'00000000000000000000000000000000000000000000000000000000000000ff','training','day/0','/models/day/0.mps.gz',0);
INSERT INTO "job_members" VALUES(4,'00000000000000000000000000000000000000000000000000000000000000fe','training','day/1','/models/day/1.mps.gz',1);
INSERT INTO "job_members" VALUES(4,'00000000000000000000000000000000000000000000000000000000000000fd','training','day/2','/models/day/2.mps.gz',2);
INSERT INTO "job_members" VALUES(4,'00000000000000000000000000000000000000000000000000000000000000fc','holdout','day/3','/models/day/3.mps.gz',3);
CREATE TABLE job_solvers (
	job_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	solver TEXT NOT NULL, 
	CONSTRAINT pk_job_solvers PRIMARY KEY (job_id, position), 
	CONSTRAINT fk_job_solvers_job_id FOREIGN KEY(job_id) REFERENCES jobs (id), 
	CONSTRAINT uq_job_solvers_job_id_solver UNIQUE (job_id, solver)
);
INSERT INTO "job_solvers" VALUES(1,0,'scip');
INSERT INTO "job_solvers" VALUES(1,1,'highs');
INSERT INTO "job_solvers" VALUES(2,0,'highs');
INSERT INTO "job_solvers" VALUES(4,0,'scip');
INSERT INTO "job_solvers" VALUES(4,1,'highs');
CREATE TABLE jobs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	state TEXT NOT NULL, 
	folder TEXT NOT NULL, 
	holdout TEXT NOT NULL, 
	cost TEXT NOT NULL, 
	ties TEXT NOT NULL, 
	cutoff DOUBLE NOT NULL, 
	budget DOUBLE NOT NULL, 
	slots INTEGER NOT NULL, 
	memory_mib BIGINT NOT NULL, 
	gap DOUBLE NOT NULL, 
	seed BIGINT NOT NULL, 
	space TEXT NOT NULL, 
	created_at DATETIME NOT NULL, 
	spent DOUBLE NOT NULL, 
	outcome TEXT NOT NULL, 
	report TEXT NOT NULL, 
	best VARCHAR(16), 
	token BIGINT NOT NULL, 
	owner_host TEXT, 
	owner_machine TEXT, 
	owner_pid BIGINT, 
	owner_started BIGINT, 
	owned_since DATETIME, 
	owned_until DATETIME, 
	reuse_upto BIGINT, 
	kind TEXT DEFAULT 'tune' NOT NULL, 
	document TEXT DEFAULT '' NOT NULL, 
	owner TEXT DEFAULT '' NOT NULL, 
	served BOOLEAN DEFAULT 0 NOT NULL, 
	priority INTEGER DEFAULT '0' NOT NULL, 
	hold TEXT DEFAULT '' NOT NULL, 
	instance_set INTEGER, 
	problem TEXT DEFAULT '' NOT NULL, 
	finished_at DATETIME, 
	deleted_at DATETIME, 
	document_bytes BIGINT DEFAULT '0' NOT NULL, base VARCHAR(16) CONSTRAINT fk_jobs_base REFERENCES configurations (key), target DOUBLE, stop_after DOUBLE, 
	CONSTRAINT ck_jobs_state CHECK (state IN ('queued', 'running', 'interrupted', 'finished', 'failed')), 
	CONSTRAINT ck_jobs_hold CHECK (hold IN ('', 'paused', 'cancelled')), 
	CONSTRAINT ck_jobs_budget CHECK (budget > 0), 
	CONSTRAINT ck_jobs_cutoff CHECK (cutoff > 0), 
	CONSTRAINT ck_jobs_memory_mib CHECK (memory_mib > 0), 
	CONSTRAINT ck_jobs_slots CHECK (slots > 0), 
	CONSTRAINT fk_jobs_best FOREIGN KEY(best) REFERENCES configurations ("key"), 
	CONSTRAINT fk_jobs_instance_set FOREIGN KEY(instance_set) REFERENCES instance_sets (id), 
	CONSTRAINT uq_jobs_name UNIQUE (name)
);
INSERT INTO "jobs" VALUES(1,'unit commitment','finished','/models/day','0.25','par10','pessimistic',30.0,600.0,2,2048,0.0001,7,'[highs.presolve]
type = "choice"
','2026-11-22 20:49:32.424083',61.5,'gain','1.5 times faster','639dcee4ce6b8029',2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tune','','',0,0,'',NULL,'',NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'tolls','interrupted','network.toml','','','pessimistic',30.0,600.0,2,2048,0.0001,7,'','2026-11-27 15:14:39.579152',1.0,'','',NULL,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'solve','{"kind": "toll", "name": "tolls"}','',0,0,'',NULL,'toll',NULL,NULL,33,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(3,'served','queued','/models/day','0.25','par10','pessimistic',30.0,600.0,2,2048,0.0001,7,'[highs.presolve]
type = "choice"
','2026-11-27 18:02:14.503012',0.0,'','',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tune','','me',1,3,'paused',1,'',NULL,NULL,0,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES(4,'long runs','queued','/models/day','0.25','par10','pessimistic',30.0,600.0,2,2048,0.0001,7,'[highs.presolve]
type = "choice"
','2026-11-30 19:21:22.442845',0.0,'','',NULL,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'tune','','',0,0,'',NULL,'',NULL,NULL,0,'dcb2586846fb0482',3.0,120.0);
CREATE TABLE model_files (
	id VARCHAR(64) NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	upload VARCHAR(32), 
	CONSTRAINT pk_model_files PRIMARY KEY (id), 
	CONSTRAINT fk_model_files_upload FOREIGN KEY(upload) REFERENCES uploads (id)
);
INSERT INTO "model_files" VALUES('464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d','464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d',NULL);
CREATE TABLE model_owners (
	sha256 VARCHAR(64) NOT NULL, 
	owner TEXT NOT NULL, 
	uploaded_at DATETIME NOT NULL, format TEXT, 
	CONSTRAINT pk_model_owners PRIMARY KEY (sha256, owner), 
	CONSTRAINT fk_model_owners_sha256 FOREIGN KEY(sha256) REFERENCES models (sha256)
);
INSERT INTO "model_owners" VALUES('464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d','me','2026-11-27 18:02:14.484838','.mps');
CREATE TABLE model_pieces (
	file VARCHAR(64) NOT NULL, 
	position INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_model_pieces PRIMARY KEY (file, position), 
	CONSTRAINT fk_model_pieces_file FOREIGN KEY(file) REFERENCES model_files (id)
);
INSERT INTO "model_pieces" VALUES('464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d',0,X'4E414D4520610A');
CREATE TABLE models (
	sha256 VARCHAR(64) NOT NULL, 
	suffix TEXT NOT NULL, 
	size BIGINT NOT NULL, 
	CONSTRAINT pk_models PRIMARY KEY (sha256), 
	CONSTRAINT ck_models_sha256 CHECK (length(sha256) = 64)
);
INSERT INTO "models" VALUES('464f9f7ae516436a65212da4e31c4aa2942471b9b4da05285fab943f9ae4c45d','.mps',7);
CREATE TABLE owner_limits (
	name TEXT NOT NULL, 
	value DOUBLE NOT NULL, 
	CONSTRAINT pk_owner_limits PRIMARY KEY (name), 
	CONSTRAINT ck_owner_limits_name CHECK (name IN ('jobs', 'priority', 'budget', 'stored', 'slots'))
);
INSERT INTO "owner_limits" VALUES('jobs',1000.0);
INSERT INTO "owner_limits" VALUES('slots',4.0);
CREATE TABLE owner_usage (
	owner TEXT NOT NULL, 
	slot_seconds DOUBLE NOT NULL, 
	counted_at DATETIME NOT NULL, 
	CONSTRAINT pk_owner_usage PRIMARY KEY (owner)
);
INSERT INTO "owner_usage" VALUES('me',61.5,'2026-11-30 12:00:00.000000');
CREATE TABLE reaction_names (
	job_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_reaction_names PRIMARY KEY (job_id, position), 
	CONSTRAINT fk_reaction_names_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "reaction_names" VALUES(2,0,'commuters: A');
INSERT INTO "reaction_names" VALUES(2,1,'commuters: B');
INSERT INTO "reaction_names" VALUES(2,2,'order');
CREATE TABLE requests (
	owner TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	job_id INTEGER NOT NULL, 
	CONSTRAINT pk_requests PRIMARY KEY (owner, "key"), 
	CONSTRAINT fk_requests_job_id FOREIGN KEY(job_id) REFERENCES jobs (id)
);
INSERT INTO "requests" VALUES('me','key','0000000000000000000000000000000000000000000000000000000000000000',3);
CREATE TABLE runs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	job_id BIGINT NOT NULL, 
	configuration VARCHAR(16) NOT NULL, 
	instance VARCHAR(64) NOT NULL, 
	seed BIGINT NOT NULL, 
	cutoff DOUBLE NOT NULL, 
	run_limit DOUBLE NOT NULL, 
	purpose TEXT NOT NULL, 
	termination TEXT NOT NULL, 
	claim TEXT NOT NULL, 
	checked TEXT NOT NULL, 
	objective DOUBLE, 
	bound DOUBLE, 
	gap DOUBLE, 
	cpu DOUBLE NOT NULL, 
	wall DOUBLE NOT NULL, 
	solver_wall DOUBLE, 
	peak_mib DOUBLE, 
	nodes BIGINT, 
	iterations BIGINT, 
	work DOUBLE, 
	integral DOUBLE, 
	raw_status TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	elapsed DOUBLE NOT NULL, 
	stored_at DATETIME NOT NULL, 
	environment INTEGER, 
	proven_objective DOUBLE, 
	doubt TEXT DEFAULT '' NOT NULL, floor DOUBLE, 
	CONSTRAINT ck_runs_checked CHECK (checked IN ('confirmed', 'refuted', 'unconfirmed', 'disputed')), 
	CONSTRAINT ck_runs_claim CHECK (claim IN ('optimal', 'feasible', 'infeasible', 'unbounded', 'nothing')), 
	CONSTRAINT ck_runs_purpose CHECK (purpose IN ('race', 'holdout')), 
	CONSTRAINT ck_runs_termination CHECK (termination IN ('exited', 'cutoff', 'memory', 'crashed', 'killed')), 
	CONSTRAINT ck_runs_cutoff CHECK (cutoff > 0), 
	CONSTRAINT ck_runs_run_limit CHECK (run_limit > 0), 
	CONSTRAINT fk_runs_configuration FOREIGN KEY(configuration) REFERENCES configurations ("key"), 
	CONSTRAINT fk_runs_environment FOREIGN KEY(environment) REFERENCES environments (id), 
	CONSTRAINT fk_runs_job_id_instance FOREIGN KEY(job_id, instance) REFERENCES job_members (job_id, instance), 
	CONSTRAINT uq_runs_run UNIQUE (job_id, configuration, instance, seed, run_limit, purpose)
);
INSERT INTO "runs" VALUES(1,1,'6e0f1166407151ab','00000000000000000000000000000000000000000000000000000000000000ff',0,30.0,30.0,'race','exited','optimal','confirmed',-12.5,-12.625,0.0099,1.25,1.5,1.375,81.25,1234,1099511627776,3000000000.0,0.75,'kOptimal','because',10.0,'2026-11-22 20:49:32.435642',1,-12.25,'row budget is 50000020, 20 above its bound 50000000',NULL);
INSERT INTO "runs" VALUES(2,1,'639dcee4ce6b8029','00000000000000000000000000000000000000000000000000000000000000ff',1,30.0,2.5,'race','exited','optimal','confirmed',-12.5,-12.625,0.0099,1.25,1.5,1.375,81.25,1234,1099511627776,3000000000.0,0.75,'kOptimal','because',20.0,'2026-11-22 20:49:32.440988',1,-12.25,'row budget is 50000020, 20 above its bound 50000000',NULL);
INSERT INTO "runs" VALUES(3,1,'639dcee4ce6b8029','00000000000000000000000000000000000000000000000000000000000000fc',2,30.0,30.0,'holdout','exited','optimal','confirmed',-12.5,-12.625,0.0099,1.25,1.5,1.375,81.25,1234,1099511627776,3000000000.0,0.75,'kOptimal','because',30.0,'2026-11-22 20:49:32.441927',1,-12.25,'row budget is 50000020, 20 above its bound 50000000',NULL);
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT ck_tokens_scope CHECK (scope IN ('read', 'submit', 'admin')), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
INSERT INTO "tokens" VALUES(1,'laptop','me','submit','ccbec9fdbc73ff50234f2d046370962b323497db660d919ae07c2b3b89f5141d','2026-11-27 12:00:00.000000',NULL);
CREATE TABLE tuner_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT tuner_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "tuner_version" VALUES('0013');
CREATE TABLE uploads (
	id VARCHAR(32) NOT NULL, 
	touched_at DATETIME, 
	CONSTRAINT pk_uploads PRIMARY KEY (id)
);
CREATE TABLE worker_hosts (
	host TEXT NOT NULL, 
	slots INTEGER NOT NULL, 
	seen_at DATETIME NOT NULL, 
	CONSTRAINT pk_worker_hosts PRIMARY KEY (host)
);
INSERT INTO "worker_hosts" VALUES('here',8,'2026-11-30 12:00:00.000000');
CREATE INDEX ix_events_job_id ON events (job_id);
CREATE INDEX ix_incumbents_job_id ON incumbents (job_id);
CREATE INDEX ix_answers_job_id_id ON answers (job_id, id);
CREATE INDEX ix_instance_set_members_sha256 ON instance_set_members (sha256);
CREATE INDEX ix_model_files_upload ON model_files (upload);
CREATE UNIQUE INDEX ix_model_files_sha256 ON model_files (sha256) WHERE upload IS NULL;
CREATE INDEX ix_runs_job_id_id ON runs (job_id, id);
CREATE INDEX ix_runs_job_id_purpose_id ON runs (job_id, purpose, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',3);
INSERT INTO "sqlite_sequence" VALUES('answers',1);
INSERT INTO "sqlite_sequence" VALUES('instance_sets',1);
INSERT INTO "sqlite_sequence" VALUES('jobs',4);
COMMIT;
