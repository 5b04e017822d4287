// Package portal is a relying party of its own beside the account: the sign-in portal of IAM Identity Center, and with another
// theme that of a tenant somewhere else. Its users, devices, sign-ins and sessions are records of the account's store; every
// operation is decided in one transaction and is told the time.
//
//	Begin ──▶ second factor due ── Code, TwoCodes, FinishKey, SentCode, RecoveryCode ──▶ session
//	     ├──▶ enrolment due ────── FinishApp, FinishNewKey, EnrolFob ────────────────▶ session
//	     └──▶ nothing due: mode never, a trusted device, nobody enrolled and allowed ──▶ session
//
// "AWS MFA" in a citation is this project's notes on the real service, its Section 6.3 on IAM Identity Center.
package portal
