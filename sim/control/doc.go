// Package control is the control API of a lab, under /v1/: JSON over HTTP, described by /v1/openapi.json. The command line
// speaks it to the lab that owns a directory, over loopback, or to one of its own, in memory; both take the same path.
//
// A refusal is {"error": "..."} with status 400 (the request is wrong), 401 (a lab beyond loopback asks for its token), 404
// (no such thing), 405 (it is there for another method), 409 (it cannot be done as the lab stands), 413 (more than 64 MiB)
// or 503 (the lab is going down).
package control
