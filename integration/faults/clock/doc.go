// Package clock shows that the promises do not hang on the services' clocks. It builds the services with a package time
// whose wall clock jumps, by hours, days and years, forwards and backwards, and puts them under load.
//
// The monotonic clock, by which Go measures durations, goes on: that is what happens when somebody sets a machine's clock.
package clock
