//go:build !crashpoints

// Package crash names the steps at which tests end a process, to show what a crash there leaves behind.
//
// In ordinary builds a step costs nothing and does nothing. Built with the tag crashpoints, the process kills itself with
// SIGKILL when it comes to the step that CRASH_AT names; "name#3" means the third time. At the step that STOP_AT names it
// stops itself with SIGSTOP, until somebody sends SIGCONT.
package crash

// Here is a step with a name.
func Here(string) {}
