// Package seedfile reads and writes the forms in which OATH seeds travel: files with a
// record a token, otpauth URIs (Key Uri Format of Google Authenticator, wiki edition of
// 2018), and the bare base32 text (RFC 4648, Section 6) that IAM calls Base32StringSeed.
// Pictures of QR codes are in package qr.
//
// # Files
//
// [Parse] takes all of a file or nothing: one bad row, and what comes back are the errors
// of every row ([Errors]). [Append] writes what Parse reads back. [Lost] tells before what
// a format has no place for; what would change the codes is never lost but refused.
//
//	pskc         RFC 6030. Plain, encrypted under a pre-shared key, or under a passphrase
//	oath-csv     privacyIDEA, LinOTP: serial, hex seed, hotp|totp, digits, counter|step, hash;
//	             after "# version: 2" first user, resolver, realm
//	entra-csv    upn, serial number, secret key (base32), time interval, manufacturer, model; TOTP-6, SHA-1
//	duo-csv      serial, hex seed and for HOTP a counter. SHA-1; the rest is chosen in a form: [Options]
//	safenet-xml  Tokens/Token of the eToken PASS; HOTP, 6 digits, SHA-1 or by seed length SHA-256
//	yubico-csv   the log of the YubiKey Personalization Tool in its traditional format, OATH-HOTP rows
//	otpauth      a URI a line
//
// A serial comes once in a file. Two rows with one seed are a warning, as boxes with that
// fault were delivered. UTF-8 with or without byte order mark; commas, semicolons or tabs;
// both line ends; quotes and spaces around fields make no difference. Lines that begin
// with # are comments. Type, algorithm, digits and policy that a fob here does not have
// are refused, as are repeated and, in PSKC, unknown elements: half understood is wrong codes.
//
// PSKC: "Section" without a document means RFC 6030. Encryption is AES-128-CBC (Section
// 6.1) with the key as it is or by PBKDF2 with HMAC-SHA1 (Section 6.2). The ValueMAC, HMAC-SHA1
// over IV and ciphertext, is checked before anything is decrypted; a wrong MAC, and one that is
// missing, refuse the row. Once a file has an encryption key, a seed in the clear is refused.
// Dates of the key's policy come before those of the device. IssueNo, DeviceBinding, CryptoModuleInfo,
// KeyProfileId, FriendlyName and Extensions are read over. XML has no DTD, no processing
// instruction, and bounded depth, tags and size.
//
// # URIs
//
// What apps agree on is accepted, however it is written; what they would understand
// differently is refused:
//
//	secret      spaces, lower case and = at the end make no difference; 1 byte or more; required
//	+           a space after the ?, a plus sign before it; %20 is a space anywhere
//	label       the colon may be written %3A; spaces around issuer and account are dropped;
//	            both may be empty; a second colon is refused, as are control characters
//	issuer      as prefix, as parameter, or both and then equal; else refused
//	digits      6, 7, 8 or absent (6); 0 and all others are refused
//	period      1 to 86400 or absent (30); 0 is refused; hotp has none and does not read it
//	counter     required for hotp; totp has none and does not read it
//	algorithm   as token.ParseAlgorithm, or absent (SHA1)
//	duplicates  of a parameter listed here are refused
//	others      are ignored (image, color, ...)
//
// # Who else reads them
//
// pskctool (OATH Toolkit 2.6.7) validates our PSKC against the schema and shows the same
// values; of an encrypted file it shows everything but the seed, as it does not decrypt.
// python-pskc reads and writes the encrypted ones. stoken (0.92) reads none of these: RSA SecurID
// tokens (CTF strings, sdtid files) hold an AES key for an algorithm that is not OATH, so
// nothing here reads or writes those either.
//
// Nothing here prints a seed: [Record] holds a [token.Seed], which redacts itself, and no
// error quotes a seed, or any text that is long enough to be one.
//
// Not implemented: other ciphers of PSKC (kw-aes128, tripledes-cbc, ...), keys for a certificate
// (X509Data), checking of its XML signature, PINs and other policies; files encrypted
// as a whole (PGP, OneSpan DPX); SafeWord .dat; Google's otpauth-migration.
package seedfile
