// Package scenario runs scripts that are tests: txtar files in the language of testscript, each in a fresh world in which
// time stands still until the script lets it pass.
//
// A script calls `mfalab fob press SERIAL` just as a shell does, `exec aws ...` reaches the world's endpoint with its
// administrator's credentials, `mfalab exec -- PROGRAM` shows it the world's security keys, and `mfalab wait 30s` costs
// nothing. `stdout2env NAME` keeps what the last command printed in an environment variable. Where the archive has a file
// called want, the world's journal must be its content, byte for byte.
package scenario
