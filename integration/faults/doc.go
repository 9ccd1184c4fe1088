// Package faults proves the promises of docs/guarantees.md under faults: a client keeps a ledger of what it was told, the
// services, the broker, PostgreSQL and the connections between them are broken in every way that can be thought of, and
// afterwards a checker compares the ledger with the topic, the table and what readers saw.
package faults
