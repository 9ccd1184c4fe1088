// Package limits tests that Counterfoil answers what is too much of something, whether a client or a producer means it or
// not, and that no service takes more memory for it than [most]. Each limit has its line in docs/operating.md.
//
// It runs the services as they are in production: as processes, and without the race detector, which would take the memory
// that is measured. Everything is on loopback, and as many file descriptors are needed as there are connections: about
// 12 000 for each process.
package limits
