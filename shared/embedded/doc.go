// Package embedded starts the two servers that Counterfoil stands on, without
// anything being installed or configured: a broker that speaks Kafka's protocol
// inside this process, and PostgreSQL as a child process.
//
// `counterfoil dev` and the tests call it; the services never do. What it
// promises is that data in a directory survives Close, Stop and a SIGKILL of
// this process, that it listens on 127.0.0.1 only, and that no child process
// outlives this one. It does not promise what a cluster does: the broker has one
// node and no replicas.
package embedded
