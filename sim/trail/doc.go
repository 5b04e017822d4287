// Package trail is the account's CloudTrail: the record of one call or sign-in, in the shape of the real one, and the
// search in it.
//
//	Event (compact, as the store keeps it) ── Record ──▶ Record (as CloudTrail shows it)
//	                                       ── Filter ──▶ is it one of those asked for?
//
// "Section" in a comment is of this project's notes on the real service, AWS MFA; "Record contents" is "CloudTrail record
// contents for management, data, and network activity events" of the CloudTrail User Guide, for event version 1.11.
//
// No part of an event ever holds a code, a seed, a password, a secret access key or a session token. The real service
// leaves all of them out but the last, which it records encoded.
//
// Not implemented: data events, Insights, trails that are delivered to a bucket, event data stores.
package trail
