-- Versions of read models live beside each other, each in a state of its life.

ALTER TABLE counterfoil.read_models
    ADD COLUMN state text NOT NULL DEFAULT 'planned'
        CHECK (state IN ('planned', 'building', 'ready', 'serving', 'retired', 'dropped')),
    ADD COLUMN changed_at   timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN previous     boolean     NOT NULL DEFAULT false,
    ADD COLUMN indexed      boolean     NOT NULL DEFAULT true,
    ADD COLUMN allow_parked boolean     NOT NULL DEFAULT false,
    ADD COLUMN builder      text        NOT NULL DEFAULT '';
COMMENT ON COLUMN counterfoil.read_models.state IS 'planned: declared. building: being filled. ready: as current as the serving one. serving: unscoped paths answer from it. retired: no longer kept current. dropped: its rows are gone.';
COMMENT ON COLUMN counterfoil.read_models.previous IS 'It served before the one that serves now; going back means this one.';
COMMENT ON COLUMN counterfoil.read_models.indexed IS 'Its declared indexes exist; while it is filled they do not.';
COMMENT ON COLUMN counterfoil.read_models.allow_parked IS 'Somebody allowed that records which the serving version applied cannot apply to it.';
COMMENT ON COLUMN counterfoil.read_models.builder IS 'The process that alone applies records to it; empty where every consumer-service does.';

UPDATE counterfoil.read_models m SET state = CASE
    WHEN EXISTS (SELECT FROM counterfoil.serving s WHERE s.name = m.name AND s.version = m.version) THEN 'serving'
    ELSE 'ready' END;
DROP TABLE counterfoil.serving;
CREATE VIEW counterfoil.serving AS
    SELECT name, version, changed_at AS since FROM counterfoil.read_models WHERE state = 'serving';
COMMENT ON VIEW counterfoil.serving IS 'The version of each read model that unscoped paths answer from.';

CREATE UNIQUE INDEX one_serving ON counterfoil.read_models (name) WHERE state = 'serving';
CREATE UNIQUE INDEX one_building ON counterfoil.read_models (name) WHERE state = 'building';
CREATE UNIQUE INDEX one_previous ON counterfoil.read_models (name) WHERE previous;

CREATE TABLE counterfoil.read_model_history (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL,
    version    integer     NOT NULL,
    event      text        NOT NULL,
    changed_by text        NOT NULL,
    reason     text        NOT NULL DEFAULT '',
    details    jsonb       NOT NULL DEFAULT '{}',
    changed_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (name, version) REFERENCES counterfoil.read_models
);
COMMENT ON TABLE counterfoil.read_model_history IS 'What happened to the versions, who did it and why.';

CREATE TABLE counterfoil.build_targets (
    name        text    NOT NULL,
    version     integer NOT NULL,
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (name, version, topic, partition),
    FOREIGN KEY (name, version) REFERENCES counterfoil.read_models
);
COMMENT ON TABLE counterfoil.build_targets IS 'Where the topics ended when a build began; a version is not caught up before it is there.';

CREATE TABLE counterfoil.verifications (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name        text        NOT NULL,
    version     integer     NOT NULL,
    against     integer     NOT NULL,
    equal       boolean     NOT NULL,
    report      jsonb       NOT NULL,
    verified_by text        NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (name, version) REFERENCES counterfoil.read_models
);
COMMENT ON TABLE counterfoil.verifications IS 'Comparisons of a version with the serving one at the same positions (G8).';

CREATE TABLE counterfoil.read_model_fields (
    name   text    NOT NULL,
    field  text    NOT NULL,
    type   text    NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    PRIMARY KEY (name, field, type),
    UNIQUE (name, number)
);
COMMENT ON TABLE counterfoil.read_model_fields IS 'Field numbers of the gRPC messages of a model; a number stays with its column in all versions, and is never used again.';

ALTER TABLE counterfoil.checkpoints ADD COLUMN hold_at bigint, ADD COLUMN hold_until timestamptz;
COMMENT ON COLUMN counterfoil.checkpoints.hold_at IS 'Until hold_until the checkpoint does not move past this offset, so that two versions can be compared at the same positions.';

-- Whoever runs or answers from versions hears of each change at its commit; the payload is the model's name.
CREATE FUNCTION counterfoil.versions_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('counterfoil_versions', NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER versions_changed AFTER INSERT OR UPDATE OF state, builder ON counterfoil.read_models
    FOR EACH ROW EXECUTE FUNCTION counterfoil.versions_changed();
