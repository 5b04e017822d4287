// Package metadata says what relying parties may know of a model of keys: metadata statements, and the signed BLOB that
// they come in.
//
// Statements follow FIDO Metadata Statement 3.1.1 and the BLOB FIDO Metadata Service 3.1.1 (both Proposed Standards of
// 2026-01-05), cited as "Statement" and "Service". What a statement says of the key is taken from the key's own answer to
// authenticatorGetInfo, so that the two agree.
//
//	getInfo, CBOR ──▶ Statement ──▶ Entry, with status reports ──▶ BLOB: JWS of ES256, its certificates in x5c
//
// The package is pure: the same statements and reports give the same BLOB.
//
// Not implemented: UAF; icons; biometric status reports; ML-DSA-44, for which the FIDO Registry has no name
// yet.
package metadata
