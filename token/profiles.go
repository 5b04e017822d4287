package token

import "time"

const year = 365 * 24 * time.Hour

// Lines of Source that many products share.
const (
	lcd20 = "\nLCD: 20 s, as a comparable card does (Nagra); it freezes the code, our choice, because no " +
		"data sheet says otherwise and a code one step old is the harder case for a server"
	life5 = "\nlife: 5 years, as newer push-button fobs are sold with, and 14,000 presses (Swivel: more " +
		"than 14,000)"
	trimmed = "\ntolerance: N(0, 4 ppm), our choice, because vendors that trim reach 2 to 5 ppm, and users " +
		"report 4 to 12 (Token2)"
	crystal = "\ncrystal: -0.034 ppm/°C² around 25 °C, 3 ppm of ageing in the first year (CTS TF20: -0.030 " +
		"± 0.010, ±3)"
	plain    = "\nhash: SHA-1, the default of RFC 6238; the vendor says nothing"
	awsRules = "\ncode: 6 digits, 30 s, by a button (AWS IAM User Guide, Enable a hardware TOTP token)"
)

// profiles are in the order in which they are offered.
var profiles = [...]Profile{{
	Name:             "ezio",
	Title:            "Gemalto Ezio Time-based 6-digit Token for Use with Amazon Web Services Only",
	SerialFormat:     "GAHT########",
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	LitFor:           20 * time.Second,
	Life:             5 * year,
	PressesInLife:    14_000,
	TolerancePPB:     4_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source:           "serial: GAHT12345678 (AWS IAM User Guide, GetMFADevice)" + awsRules + plain + lcd20 + life5 + trimmed + crystal,
}, {
	Name:           "app",
	Title:          "virtual MFA app on a phone",
	SerialFormat:   "APP-########",
	Case:           PhoneCase,
	Digits:         6,
	Algorithm:      SHA1,
	Step:           30 * time.Second,
	T0:             unixEpoch,
	Redraw:         true,
	TurnoverMilliC: 25_000,
	Source: "serial: our choice, because apps have none" +
		"\ncode: 6 digits, 30 s, SHA-1 where the URI names nothing else (Key Uri Format of Google Authenticator)" +
		"\nLCD: a screen that is always lit and redraws (Google Authenticator)" +
		"\nlife: endless, because the phone is charged every night" +
		"\ntolerance: none, because the phone keeps network time",
}, {
	Name:             "display-card",
	Title:            "OTP display card, time-based, 30 s",
	SerialFormat:     "GADC########",
	Case:             CardCase,
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	LitFor:           20 * time.Second,
	Life:             3 * year,
	PressesInLife:    10_000,
	TolerancePPB:     4_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: four letters and eight digits (AWS IAM User Guide: ABCD12345678); the letters are our " +
		"choice, because none are published" +
		"\ncode: 6 digits, 30 s (PingID: Gemalto EZIO display card TOTP 30 s; AWS sells a display card beside " +
		"the token)" + plain + lcd20 +
		"\nlife: 3 years and 10,000 presses, our choice, because a cell 0.4 mm thin holds less than a coin, " +
		"and cards are sold for 3 years" + trimmed + crystal,
}, {
	Name:             "govcloud",
	Title:            "hardware TOTP token for AWS GovCloud (US), Hypersecu style",
	SerialFormat:     "##########",
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	LitFor:           60 * time.Second,
	Redraw:           true,
	Bars:             6,
	Life:             5 * year,
	PressesInLife:    14_000,
	TolerancePPB:     2_850,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: ten digits, our choice, because the one that is printed, 20899872 (Amazon S3 guide, MFA " +
		"Delete), is too short for API_EnableMFADevice, which takes 9 to 256 characters" + awsRules + plain +
		"\nLCD: up to 60 s (Swivel, time-based); redrawing and six time bars are our choice, because tokens of " +
		"this make show a countdown" + life5 +
		"\ntolerance: N(0, 2.85 ppm), our choice, because Feitian specifies 90 s a year for the C200 and a " +
		"fleet of 1,200 had some outside" + crystal,
}, {
	Name:          "event",
	Title:         "event-based OTP fob (HOTP)",
	SerialFormat:  "EV########",
	Factor:        EventBased,
	Digits:        6,
	Algorithm:     SHA1,
	T0:            unixEpoch,
	LitFor:        12 * time.Second,
	Life:          4 * year,
	PressesInLife: 14_000,
	Source: "serial: our choice, because vendors differ" +
		"\ncode: 6 digits, SHA-1 (RFC 4226, the least it allows and the only hash it knows)" +
		"\nstep: none; every press is the next counter (RFC 4226 Section 5.1)" +
		"\nLCD: 12 s (Swivel, event-based: 10 to 12)" +
		"\nlife: 4 years or 14,000 presses (Swivel)" +
		"\ntolerance: none, because it has no clock",
}, {
	Name:             "rsa60",
	Title:            "60-second fob in the RSA style",
	SerialFormat:     "#########",
	Case:             WatchCase,
	Digits:           6,
	Algorithm:        SHA1,
	Step:             60 * time.Second,
	T0:               unixEpoch,
	Redraw:           true,
	Bars:             6,
	Life:             5 * year,
	TolerancePPB:     4_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: nine digits, our choice, because that is what such fobs have on the back" +
		"\ncode: 6 digits, 60 s (RSA Authentication Manager); TOTP with SHA-1 is our choice, because the " +
		"original computes AES codes that are not OATH" +
		"\nLCD: always lit, redraws, six time bars of 10 s, no button (the look of a key fob of this kind)" +
		"\nlife: 5 years, our choice, because such fobs carry an end date 2 to 5 years off" + trimmed + crystal,
}, {
	Name:             "sha256-8",
	Title:            "8-digit SHA-256 fob",
	SerialFormat:     "SH########",
	Digits:           8,
	Algorithm:        SHA256,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	LitFor:           20 * time.Second,
	Life:             5 * year,
	PressesInLife:    14_000,
	TolerancePPB:     4_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: our choice, because vendors differ" +
		"\ncode: 8 digits, 30 s, SHA-256 (RFC 6238 Appendix B), to show a server that takes only 6 and SHA-1" + lcd20 + life5 + trimmed + crystal,
}, {
	Name:             "programmable",
	Title:            "programmable token, clock and seed set over NFC without restriction",
	SerialFormat:     "PU########",
	Case:             CardCase,
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	Setting:          Unrestricted,
	LitFor:           30 * time.Second,
	Redraw:           true,
	Life:             5 * year,
	PressesInLife:    14_000,
	Spread:           Uniform,
	TolerancePPB:     20_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: our choice, because vendors differ" +
		"\ncode: 6 digits, 30 s, SHA-1 (Token2), which is what an AWS virtual device asks for" +
		"\nclock: set over NFC by anybody (Token2 on unrestricted time sync)" +
		"\nLCD: 30 s and redraws, our choice, because the product is sold with a countdown" + life5 +
		"\ntolerance: ±20 ppm evenly, untrimmed (CTS TF20), our choice, because its clock is meant to be set " +
		"again; Token2 reports 2 min a year up to 1 s a day" + crystal,
}, {
	Name:             "programmable-restricted",
	Title:            "programmable token, setting the clock wipes the seed",
	SerialFormat:     "PR########",
	Case:             CardCase,
	Digits:           6,
	Algorithm:        SHA1,
	Step:             30 * time.Second,
	T0:               unixEpoch,
	Setting:          Restricted,
	LitFor:           30 * time.Second,
	Redraw:           true,
	Life:             5 * year,
	PressesInLife:    14_000,
	Spread:           Uniform,
	TolerancePPB:     20_000,
	AgeingPPB:        3_000,
	ParabolaPPBPerC2: 34,
	TurnoverMilliC:   25_000,
	Source: "serial: our choice, because vendors differ" +
		"\ncode: 6 digits, 30 s, SHA-1 (Token2), which is what an AWS virtual device asks for" +
		"\nclock: set over NFC; the seed is cleared by it (Token2 on restricted time sync)" +
		"\nLCD: 30 s and redraws, our choice, because the product is sold with a countdown" + life5 +
		"\ntolerance: ±20 ppm evenly, untrimmed (CTS TF20), our choice, because the parts are those of the " +
		"unrestricted one" + crystal,
}, {
	Name:          "ocra-card",
	Title:         "challenge-response card with keypad (OCRA)",
	SerialFormat:  "OC########",
	Case:          KeypadCase,
	Factor:        ChallengeResponse,
	Digits:        6,
	Algorithm:     SHA1,
	T0:            unixEpoch,
	Suite:         "OCRA-1:HOTP-SHA1-6:QN08",
	LitFor:        20 * time.Second,
	Life:          3 * year,
	PressesInLife: 10_000,
	Source: "serial: our choice, because vendors differ" +
		"\ncode: 6 digits to a challenge of at most 8 (RFC 6287 Section 6.4, first suite of its one-way table)" +
		"\nstep: none; the challenge makes the code (RFC 6287 Section 5.1)" +
		"\nLCD: 20 s (Nagra OCRA card)" +
		"\nlife: 3 years and 10,000 answers, our choice, because the cell is that of the display card" +
		"\ntolerance: none, because its suite asks for no time",
}}
