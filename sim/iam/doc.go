// Package iam is the relying party: an account with users, access keys, MFA devices and sessions that answers as AWS IAM
// (API version 2010-05-08) and AWS STS (2011-06-15) do. It checks codes with github.com/pquerna/otp and security keys with
// github.com/go-webauthn/webauthn, and shares no code with the fobs and keys that make them.
//
// A Service takes one Call at a time and decides it in one transaction of its Store. The time of a call is an argument;
// there is no clock in here. Package endpoint speaks HTTP for it.
//
// Where the real service documents nothing, what it does here is a Setting; where nobody has recorded the exact text of
// an answer, it stands in one table (texts.go) with the degree to which it is known.
//
// "Lab notes" in a citation is this project's docs/iam.md.
package iam
