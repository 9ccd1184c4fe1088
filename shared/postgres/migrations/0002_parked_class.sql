-- What stands in the way of a record that was set aside. The code says it more exactly; the class says what can help.

-- The default is for consumers of before this migration, which may still be at work.
ALTER TABLE counterfoil.parked ADD COLUMN class text NOT NULL DEFAULT 'record'
    CHECK (class IN ('record', 'database', 'order', 'decision'));
UPDATE counterfoil.parked SET class = CASE code
        WHEN 'refused-by-database' THEN 'database'
        WHEN 'behind-parked' THEN 'order'
        WHEN 'discarded' THEN 'decision' END
    WHERE code IN ('refused-by-database', 'behind-parked', 'discarded');
COMMENT ON COLUMN counterfoil.parked.class IS 'record: what it holds. database: PostgreSQL refused its row. order: an earlier record of its key is parked. decision: it could apply, and somebody decided that it shall not.';
