// Package client is a WebAuthn client: what a browser does between a page and security keys. A page's options go in as
// JSON, with the page's origin; the JSON that the page would send to its relying party comes out, or the DOMException
// that the page would see.
//
// It follows Web Authentication Level 3 (W3C Candidate Recommendation, 2026-01-13), and speaks CTAP 2.3 (PS 2026-02-26)
// and everything before it to the keys, down to U2F, cited as "CTAP Section"; Sections without a name are those of Web
// Authentication.
//
//	page ── options, origin ──▶ Client: origin, RP ID, client data, what each key can ── CTAP2, U2F ──▶ keys, user
//	     ◀── a credential ────                                                        ◀── answer ────
//
// The package is pure. Who touches a key, and how long that takes, is not its business: Key.Ask returns when it has
// happened, and [Timeout] says for how long a page would wait. It knows nothing of relying parties and shares no code with
// ours. A [Forgery] makes it break exactly one rule.
//
// Not implemented: conditional mediation; transports other than those that a key names; names beyond ASCII (give them as
// xn--); extensions other than those of Section 10.1 and CTAP Section 12; Token Binding.
package client
