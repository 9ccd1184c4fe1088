package postgres

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// Classify turns an error of pgx into a fault; nil stays nil and a fault stays itself. It is the one place that
// decides what PostgreSQL's errors mean (PostgreSQL documentation, appendix A, error codes):
//
//	class or code                                          | meaning
//	no SQLSTATE: dial, reset, EOF, deadline, closed pool   | Away: the transaction is repeated whole, which G3 makes safe
//	08 connection, 53 resources (disk full), 57 operator   | Away
//	  intervention (shutdown, cancel), 58 system           |
//	25006 read-only transaction (failed over to a standby) | Away
//	25P03, 25P04 the transaction stood still for too long  | Away: whoever was paused begins anew
//	40 serialization, deadlock; 55 lock not available,     | Away
//	  object in use, database takes no connections         |
//	0A000 cached plan must not change result type          | Away: the statement is prepared anew the next time
//	3D000 no such database                                 | Away: somebody is about to create it again
//	22 data, 23 constraint                                 | Unappliable: this record can never apply
//	54000 program limit (a value too large for an index)   | Unappliable
//	everything else: 28 login, 42 names and permission …   | Misconfigured: a person must act
func Classify(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pg.Code) != 5 {
		return fault.New(fault.CodeDatabaseAway, "PostgreSQL cannot be reached.", err)
	}
	switch pg.Code {
	case "25006", "25P03", "25P04", "0A000", "3D000":
		return fault.New(fault.CodeDatabaseAway, "PostgreSQL cannot be used just now.", err)
	case "54000":
		return fault.New(fault.CodeRefusedByDatabase, "A value is too large for PostgreSQL.", err)
	}
	switch pg.Code[:2] {
	case "08", "40", "53", "55", "57", "58":
		return fault.New(fault.CodeDatabaseAway, "PostgreSQL cannot be used just now.", err)
	case "22", "23":
		return fault.New(fault.CodeRefusedByDatabase, "PostgreSQL refuses the value.", err)
	}
	return fault.New(fault.CodeMisconfigured, "The database is not set up as this service needs it.", err)
}

// IsMissing reports whether the error says that a table or schema is not there, as in a database that was just made anew.
func IsMissing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "42P01" || pg.Code == "3F000")
}

// IsNoDatabase reports whether the error says that the database itself does not exist.
func IsNoDatabase(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "3D000"
}

// IsGivenUp reports whether the error says that the server gave the statement up, as it took too long: so the server is there.
func IsGivenUp(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "57014"
}

// IsLocked reports whether the error says that somebody else's lock was in the way, or would have been for ever.
func IsLocked(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "55P03" || pg.Code == "40P01")
}

// IsDependedOn reports whether the error says that a thing cannot be dropped because others depend on it.
func IsDependedOn(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "2BP01"
}

// IsUniqueViolation reports whether the error says that a row with that key is there already.
func IsUniqueViolation(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "23505"
}
