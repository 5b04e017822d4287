// Package sim is the world in which devices live: virtual time, chance from a seed, and the journal of what happened.
//
// Nothing here looks at a clock. A World stands still until someone waits in it; then it jumps from wake to wake of the
// machines in it. The same seed and the same waits give the same journal, byte for byte. Package live drives the same
// world by the wall clock.
package sim
