-- The control tables. Rows of read models live in schemas of their own, one for each version.

CREATE TABLE counterfoil.read_models (
    name        text        NOT NULL,
    version     integer     NOT NULL CHECK (version >= 1),
    schema_name text        NOT NULL UNIQUE,
    table_name  text        NOT NULL,
    fingerprint text        NOT NULL,
    declaration text        NOT NULL,
    group_id    text        NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);
COMMENT ON TABLE counterfoil.read_models IS 'The versions of each read model and the shape that each was created with.';
COMMENT ON COLUMN counterfoil.read_models.group_id IS 'The consumer group that applies records to the version now; its checkpoints say how far.';

CREATE TABLE counterfoil.serving (
    name    text        PRIMARY KEY,
    version integer     NOT NULL,
    since   timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (name, version) REFERENCES counterfoil.read_models
);
COMMENT ON TABLE counterfoil.serving IS 'The version of each read model that unscoped paths answer from.';

CREATE TABLE counterfoil.checkpoints (
    group_id    text        NOT NULL,
    topic       text        NOT NULL,
    partition   integer     NOT NULL,
    next_offset bigint      NOT NULL CHECK (next_offset >= 0),
    topic_id    uuid,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE counterfoil.checkpoints IS 'The next offset to apply; committed with the rows that it covers (G4).';
COMMENT ON COLUMN counterfoil.checkpoints.topic_id IS 'The identity of the topic, so that one that was re-created is noticed (G11).';

CREATE TABLE counterfoil.parked (
    read_model      text        NOT NULL,
    version         integer     NOT NULL,
    topic           text        NOT NULL,
    partition       integer     NOT NULL,
    "offset"        bigint      NOT NULL,
    state           text        NOT NULL CHECK (state IN ('parked', 'waiting', 'discarded')),
    code            text        NOT NULL,
    reason          text        NOT NULL,
    attempts        integer     NOT NULL DEFAULT 1,
    correlation_id  text        NOT NULL,
    record_time     timestamptz,
    key             bytea,
    headers         jsonb       NOT NULL,
    value           bytea,
    parked_at       timestamptz NOT NULL DEFAULT now(),
    last_attempt_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (read_model, version, topic, partition, "offset")
);
COMMENT ON TABLE counterfoil.parked IS 'Records that cannot apply, whole, with the reason (G5), and those of their keys that wait behind them (G6).';
COMMENT ON COLUMN counterfoil.parked.state IS 'parked: it cannot apply. waiting: an earlier record of its key is parked. discarded: somebody decided that it shall not apply.';
COMMENT ON COLUMN counterfoil.parked.headers IS 'A list of {"key": text, "value": base64}, in the order of the record.';
CREATE INDEX parked_by_key ON counterfoil.parked (sha256(key), read_model, version);

CREATE TABLE counterfoil.decisions (
    control_topic     text        NOT NULL,
    control_partition integer     NOT NULL,
    control_offset    bigint      NOT NULL,
    decision          text        NOT NULL,
    read_model        text        NOT NULL,
    topic             text        NOT NULL,
    partition         integer     NOT NULL,
    "offset"          bigint      NOT NULL,
    topic_id          uuid,
    checkpoint        bigint,
    reason            text        NOT NULL,
    decided_by        text        NOT NULL,
    decided_at        timestamptz NOT NULL,
    effect            text        NOT NULL,
    PRIMARY KEY (control_topic, control_partition, control_offset)
);
COMMENT ON TABLE counterfoil.decisions IS 'What people decided about parked records and lost history, as recorded in the control topic; a rebuild takes them again (G7).';
CREATE INDEX decisions_by_position ON counterfoil.decisions (read_model, topic, partition, "offset");
