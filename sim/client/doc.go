// Package client is a WebAuthn client: what a browser does between a page and a security key. A page's options go in as
// JSON, with the page's origin; the JSON that the page would send to its relying party comes out, or the DOMException
// that the page would see.
//
// It follows Web Authentication Level 3 (W3C Candidate Recommendation, 2026-01-13), and speaks CTAP 2.1 (PS 2021-06-15,
// errata 2022-06-21) to the key, cited as "CTAP Section"; Sections without a name are those of Web Authentication.
//
//	page ── options, origin ──▶ Client: origin, RP ID, client data, what the key can ── CTAP2 ──▶ key, user
//	     ◀── a credential ────                                                      ◀── answer ──
//
// The package is pure. Who touches the key is not its business: Client.Ask returns when it has happened. It knows nothing
// of relying parties and shares no code with ours.
//
// Not implemented: CTAP1; built-in user verification; extensions other than credProps; a choice between several accounts
// (the first one that the key names signs); conditional mediation; related origins; frames (crossOrigin is always false);
// enterprise attestation; names beyond ASCII; the whole of the public suffix list (see publicSuffixes).
package client
