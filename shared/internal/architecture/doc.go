// Package architecture holds tests of the repository as a whole: what its documents say of the code, and which package may
// import which.
package architecture
