// Package console is the account's console: pages on which people sign in and look after users, fobs, authenticator apps
// and security keys. Everything that is decided is decided by package iam, as for any other client: what a page may show or
// do, the user who signed in may.
//
//	browser ── form, cookie ──▶ Console ── iam.Call as the user ──▶ iam.Service
//	        ◀── page ──────────         ◀── what a client gets ───
//
// "AWS MFA" in a citation is this project's notes on the real service, its Section 6 on the sign-in pages; "WebAuthn" is Web
// Authentication Level 2.
package console
