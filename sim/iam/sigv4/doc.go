// Package sigv4 is the checking side of AWS Signature Version 4: it rebuilds what a client says that it signed, from the
// request that arrived, and compares. It never signs and shares no code with a signer.
//
// "Section" in a citation is a heading of "Create a signed AWS API request", IAM User Guide, as of 2025; the refusals'
// wordings and their order were collected from answers of the real services.
//
// It is pure: the wall clock's time and the way to a secret are arguments. (The lab's clock never judges a signature:
// clients sign with theirs.)
//
// Both ways to sign are read: the Authorization header, and the query of a presigned URL. Whatever region a client
// signs for is accepted, because a client with an endpoint of its own signs for its own region.
//
// A body may come in signed chunks, as S3 takes it (STREAMING-..., payload.go).
//
// Not implemented: asymmetric signatures (AWS4-ECDSA-P256-SHA256), Signature
// Version 2.
package sigv4
