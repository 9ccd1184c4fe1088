package rig

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// LockTable keeps everybody from writing rows until Heal.
func (r *Rig) LockTable() {
	r.t.Helper()
	if r.lock != nil {
		return
	}
	conn, err := pgx.ConnectConfig(r.t.Context(), r.pool.Config().ConnConfig)
	if err != nil {
		r.t.Fatal(err)
	}
	r.lock = conn
	for _, sql := range []string{`SET lock_timeout = '5s'`, `BEGIN`, `LOCK TABLE timestamp_v1.timestamp_records IN EXCLUSIVE MODE`} {
		if _, err := conn.Exec(r.t.Context(), sql); err != nil {
			r.t.Logf("the table cannot be locked: %v", err)
			r.unlockTable()
			return
		}
	}
}

func (r *Rig) unlockTable() {
	if r.lock != nil {
		_ = r.lock.Close(context.Background())
		r.lock = nil
	}
}

// ReadOnly has every transaction begin as one that cannot write, as on a standby, until Heal.
func (r *Rig) ReadOnly() {
	r.t.Helper()
	r.Super(`ALTER SYSTEM SET default_transaction_read_only = on`)
	r.Super(`SELECT pg_reload_conf()`)
	r.settings = true
}

// LimitConnections lets the services open that many connections altogether and ends those that they have, until Heal.
func (r *Rig) LimitConnections(most int) {
	r.t.Helper()
	r.Super(fmt.Sprintf(`ALTER DATABASE %q CONNECTION LIMIT %d`, r.DB.Name, most))
	r.settings = true
	r.Terminate()
}

// Terminate ends all of the services' connections.
func (r *Rig) Terminate() {
	r.t.Helper()
	r.Super(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'counterfoil-%'`)
}

func (r *Rig) resetDatabase() {
	r.t.Helper()
	r.unlockTable()
	if !r.settings {
		return
	}
	r.settings = false
	r.Super(`ALTER SYSTEM RESET default_transaction_read_only`)
	r.Super(`SELECT pg_reload_conf()`)
	r.Super(fmt.Sprintf(`ALTER DATABASE %q CONNECTION LIMIT -1`, r.DB.Name))
}
