package docs_test

// A specRule is one rule that the key keeps, or one that it does not.
type specRule struct {
	id, section string
	says        string
	function    string   // "u2f.Key.makeCredential"
	tests       []string // "u2f.TestReset/the token is gone"; those whose names begin with the rule are found without
	missing     string   // why there is none
}

// hidFunctions are where the rules of CTAPHID are kept; what they say and their tests are found by their numbers.
var hidFunctions = map[string]string{
	"H-1":  "ctaphid.Device.start",
	"H-2":  "ctaphid.Device.resume",
	"H-3":  "ctaphid.Device.resume",
	"H-4":  "ctaphid.Device.interrupt",
	"H-5":  "ctaphid.Device.resync",
	"H-6":  "ctaphid.Device.open",
	"H-7":  "ctaphid.Device.busy",
	"H-8":  "ctaphid.Device.interrupt",
	"H-9":  "ctaphid.Device.advance",
	"H-10": "ctaphid.Device.known",
	"H-11": "ctaphid.Device.welcome",
	"H-12": "ctaphid.Config.capabilities",
	"H-13": "ctaphid.Device.begin",
	"H-14": "ctaphid.Device.poll",
	"H-15": "ctaphid.Device.wink",
	"H-16": "ctaphid.Device.setLock",
	"H-17": "ctaphid.Device.answer",
	"H-18": "ctaphid.Device.start",
	"H-19": "ctaphid.Device.start",
	"H-20": "u2f.Key.getNextAssertion",
	"H-21": "ctaphid.Device.Transmit",
	"H-22": "u2f.Key.run",
	"H-23": "ctaphid.channels.evict",
	"H-24": "hid.ReportDescriptor",
}

// moreHIDTests are those of the rules that are not of the framing alone.
var moreHIDTests = map[string][]string{
	"H-20": {"u2f.TestGetNextAssertion/another channel is refused and disturbs nothing"},
	"H-22": {"u2f.TestRequests/too long, of a command that is not known",
		"u2f.TestMakeCredential/the longest answer fits the smallest maxMsgSize"},
	"H-24": {"hid.TestReportDescriptor"},
}

// rules are all others.
var rules = []struct {
	title string
	rules []specRule
}{
	{"Message encoding (Section 8)", []specRule{
		{"E-1", "8", "answers are CTAP2 canonical CBOR", "u2f.Key.answer", []string{"u2f.TestGetInfo", "ctap.TestResponses"}, ""},
		{"E-2", "8, 8.2", "requests are canonical CBOR, have the right types, and all that is required", "ctap.CheckCanonical",
			[]string{"ctap.TestCheck", "ctap.TestCheckWellFormedOfTheRFC", "ctap.TestRequestErrors", "ctap.TestParseClientPINRequestRefuses",
				"u2f.TestRequests", "u2f.TestMutations", "u2f.FuzzCBOR"}, ""},
		{"E-3", "6.1.2 step 5", "parameters, options and extensions that are not known are ignored", "ctap.ParseMakeCredentialRequest",
			[]string{"u2f.TestMakeCredential/extensions that were not asked for are not answered",
				"ctap.TestRequestErrors/parameter that is not known", "ctap.TestRequestErrors/option that is not known"}, ""},
		{"E-4", "6.1", "names are cut between characters; a user id has up to 64 bytes", "u2f.shorten",
			[]string{"u2f.TestMakeCredential/names are cut between characters"}, ""},
		{"E-5", "6.4", "requests and lists that are too long are refused, ids that are too long ignored", "u2f.Key.checkList",
			[]string{"u2f.TestMakeCredentialErrors/a request longer than maxMsgSize", "u2f.TestMakeCredentialErrors/an excludeList that is too long",
				"u2f.TestGetAssertionErrors/an allowList that is too long"}, ""},
	}},
	{"authenticatorMakeCredential (Section 6.1.2)", []specRule{
		{"MC-1", "6.1.2 step 1", "an empty pinUvAuthParam asks for a touch", "u2f.Key.probe",
			[]string{"u2f.TestMakeCredentialErrors/an empty pinUvAuthParam with a PIN", "u2f.TestTouch/6.1.2 step 1.2"}, ""},
		{"MC-2", "6.1.2 step 2", "the protocol is one that is supported", "u2f.Key.checkProtocol",
			[]string{"u2f.TestMakeCredentialErrors/no protocol"}, ""},
		{"MC-3", "6.1.2 step 3", "all algorithms are checked, the first that is supported is taken", "u2f.Key.chooseAlgorithm",
			[]string{"ctap.TestCheckParams", "u2f.TestMakeCredential/the first algorithm that both know is taken",
				"u2f.TestAlgorithms", "cose.TestPrivateKey", "cose.TestPublishedSignatures", "attest.TestMLDSAStatements"}, ""},
		{"MC-5", "6.1.2 step 5", "options", "u2f.Key.plan", []string{"u2f.TestMakeCredentialErrors/a credential without presence",
			"u2f.TestMakeCredential/user verification beside a token counts as false", "u2f.TestMakeCredentialSlots"}, ""},
		{"MC-6", "6.1.2 step 6, 7.2", "alwaysUv: nothing without user verification", "u2f.Key.alwaysUV", []string{"u2f.TestAlwaysUV"}, ""},
		{"MC-7", "6.1.2 step 7", "a discoverable credential needs the PIN, once there is one", "u2f.Key.plan",
			[]string{"u2f.TestMakeCredentialErrors/a discoverable credential without a token, before enterprise attestation"}, ""},
		{"MC-8", "6.1.2 steps 8, 10", "so does every one, without makeCredUvNotRqd", "u2f.Key.plan",
			[]string{"u2f.TestMakeCredentialErrors/any credential without a token",
				"u2f.TestMakeCredential/with a PIN, credentials that are not discoverable need no token"}, ""},
		{"MC-9", "6.1.2 step 9, 7.1", "enterprise attestation of types 1 and 2, once it is enabled; epAtt only where it is given", "u2f.Key.planEnterprise",
			[]string{"u2f.TestEnterpriseAttestation", "u2f.TestMakeCredentialErrors/enterprise attestation"}, ""},
		{"MC-11", "6.1.2 step 11.1", "the token verifies, with permission and for the relying party", "u2f.Key.authorize",
			[]string{"u2f.TestMakeCredentialErrors/a pinUvAuthParam that does not verify", "u2f.TestAuthorize",
				"u2f.TestMakeCredential/a token for assertions makes no credential"}, ""},
		{"MC-11.2", "6.1.2 step 11.2", "built-in user verification, and how it ends without the user", "u2f.Key.performBuiltInUV",
			[]string{"u2f.TestBuiltInUserVerification", "u2f.TestBuiltInUserVerificationErrors/a wrong finger, then the right one",
				"u2f.TestBuiltInUserVerificationErrors/the platform gives up"}, ""},
		{"MC-13", "6.1.2 step 13", "a finger that verified the user is a touch too", "u2f.Key.making",
			[]string{"u2f.TestBuiltInUserVerification", "u2f.TestTokenOfATouch"}, ""},
		{"MC-12", "6.1.2 step 12", "a credential of the excludeList blinks first", "u2f.Key.excluded", []string{"u2f.TestExcludeList"}, ""},
		{"MC-14", "6.1.2 step 14", "the touch, and that it uses up the token", "u2f.Key.tokenUsedUp", []string{"u2f.TestTouch",
			"u2f.TestMakeCredential/a token verifies the user once", "u2f.TestATouchLeavesLargeBlobWrites"}, ""},
		{"MC-15", "6.1.2 step 15", "extensions", "u2f.Key.planExtensions", []string{"u2f.TestMakeCredential/what the answer says"}, ""},
		{"MC-17", "6.1.2 step 17", "a discoverable credential takes the place of its account's, or a slot", "u2f.Key.keep",
			[]string{"u2f.TestMakeCredentialSlots", "u2f.TestMakeCredential/a new credential for the same account replaces the old one"}, ""},
		{"MC-19", "6.1.2 step 19", "attestation: packed, self, fido-u2f, none, tpm, android-key, android-safetynet, apple, compound", "u2f.Key.attest",
			[]string{"u2f.TestAttestation", "u2f.TestAKeyAttestsInEveryFormat", "attest.TestStatementsAreBelieved", "attest.TestEveryClauseHasAMutation"}, ""},
		{"MC-19.1", "2.3 6.1.2 step 19", "attestationFormatsPreference: the first that the key has; \"none\" alone asks for none", "u2f.Key.attestation",
			[]string{"u2f.TestAttestation", "ctap.TestRequestErrors"}, ""},
	}},
	{"authenticatorGetAssertion and authenticatorGetNextAssertion (Sections 6.2.2, 6.3)", []specRule{
		{"T-GA-1", "6.2.2 step 4", "options", "u2f.Key.ask", []string{"u2f.TestGetAssertionErrors/option rk that is true",
			"u2f.TestGetAssertion/a silent one needs no touch and says so"}, ""},
		{"T-GA-2", "6.2.2 step 5", "alwaysUv, unless nobody is asked", "u2f.Key.alwaysUV", []string{"u2f.TestAlwaysUV"}, ""},
		{"T-GA-3", "6.2.2 step 7", "no credentials: at once, in 2.0 after a touch", "u2f.Key.noCredentials",
			[]string{"u2f.TestGetAssertionErrors/another relying party", "u2f.TestGetAssertion/a key of 2.0 asks for a touch before it says that it has none"}, ""},
		{"T-GA-4", "12.1", "credProtect, silently and in U2F too", "u2f.Key.applicable", []string{"u2f.TestCredProtect", "u2f.TestCredProtectInU2F"}, ""},
		{"T-GA-5", "6.2.2 steps 11, 12", "one assertion with an allowList, the newest first without", "u2f.Key.applicable",
			[]string{"u2f.TestGetAssertion/with an allowList there is one, and nothing is said of the user",
				"u2f.TestGetNextAssertion/the newest comes first, each counts, and then it is over"}, ""},
		{"T-GA-6", "6.2.2 step 12.3", "names for a verified user who has to choose", "u2f.identity",
			[]string{"u2f.TestGetAssertion/names are for a verified user who has to choose"}, ""},
		{"T-GA-7", "6.3", "the timer, and what else ends the list", "u2f.Key.getNextAssertion",
			[]string{"u2f.TestGetNextAssertion/each restarts the timer of 30 seconds",
				"u2f.TestGetNextAssertion/any other command ends it, one that fails included",
				"u2f.TestGetNextAssertion/another channel is refused and disturbs nothing",
				"u2f.TestGetNextAssertion/the token that verified the user has expired"}, ""},
		{"T-GA-8", "6.3, 12.5", "the salts of hmac-secret hold for the next assertion", "u2f.Key.assertExtensions", nil, ""},
		{"T-GA-9", "6.2.2 step 1", "an empty pinUvAuthParam asks for a touch", "u2f.Key.probe",
			[]string{"u2f.TestGetAssertionErrors/an empty pinUvAuthParam with a PIN", "u2f.TestTouch/6.2.2 step 1.2"}, ""},
		{"T-GA-10", "12.5", "no hmac-secret without presence", "u2f.Key.assertExtensions",
			[]string{"u2f.TestGetAssertionErrors/hmac-secret without presence"}, ""},
	}},
	{"Extensions (Section 12; in the numbering of 2.3)", []specRule{
		{"X-7", "12.1", "credProtect", "u2f.Key.planExtensions", []string{"u2f.TestCredProtect"}, ""},
		{"X-2", "12.2", "credBlob", "u2f.Key.makingOutputs", []string{"u2f.TestCredBlob", "u2f.TestExtensionErrors"}, ""},
		{"X-3", "12.3", "largeBlobKey", "u2f.Key.largeBlobKey", []string{"u2f.TestLargeBlobKey", "u2f.TestExtensionErrors"}, ""},
		{"X-3.1", "2.3 12.4", "largeBlob, which excludes largeBlobKey; output outside of authenticator data", "u2f.Key.largeBlob",
			[]string{"u2f.TestLargeBlobExtension", "u2f.TestExtensionErrors"}, ""},
		{"X-4", "2.3 12.5", "minPinLength, for relying parties on the list", "u2f.Key.tellsPIN", []string{"u2f.TestPINExtensions", "u2f.TestExtensionErrors"}, ""},
		{"X-6", "2.3 12.6", "pinComplexityPolicy, for relying parties on the list", "u2f.Key.tellsPIN", []string{"u2f.TestPINExtensions", "u2f.TestExtensionErrors"}, ""},
		{"X-1", "2.3 12.7", "hmac-secret", "u2f.Key.hmacSecret", []string{"u2f.TestHMACSecret", "u2f.TestHMACSecretRefuses"}, ""},
		{"X-1.1", "2.3 12.8", "hmac-secret-mc: the same outputs from the start", "u2f.Key.makingOutputs", []string{"u2f.TestHMACSecretMC", "u2f.TestExtensionErrors"}, ""},
		{"X-5", "2.3 12.9", "thirdPartyPayment", "u2f.Key.assertExtensions", []string{"u2f.TestThirdPartyPayment", "u2f.TestExtensionErrors"}, ""},
	}},
	{"authenticatorClientPIN (Section 6.5)", []specRule{
		{"P-1", "6.5.1, 6.5.5.5", "how long a PIN is, and how it is padded", "u2f.Key.readNewPIN", []string{"u2f.TestPINPolicy"}, ""},
		{"P-2", "6.5.5.5, 6.5.5.6", "set once, changed after", "u2f.Key.setPIN", []string{"u2f.TestClientPINErrors/setPIN where there is a PIN",
			"u2f.TestClientPINErrors/changePIN where there is no PIN"}, ""},
		{"P-3", "6.5.5.6 step 6", "the attempt is stored before the PIN is compared", "u2f.Key.verifyPIN",
			[]string{"u2f.TestNoPINIsComparedBeforeTheAttemptIsStored", "u2f.TestTheRightPINForgivesTheWrongOnes", "u2f.TestPINCut"}, ""},
		{"P-4", "6.5.2.2", "wrong PINs: a new key agreement, and the blocks", "u2f.Key.mismatch",
			[]string{"u2f.TestWrongPINsUntilTheKeyIsBlocked", "u2f.TestAWrongPINEndsTheKeyAgreement"}, ""},
		{"P-5", "6.5.5.7", "a wrong pinUvAuthParam costs no attempt", "u2f.Key.authorize", []string{"u2f.TestAuthorize/a forged parameter costs no attempt"}, ""},
		{"P-6", "6.5.5.7.1", "getPinToken takes no permissions", "u2f.Key.getPINToken",
			[]string{"u2f.TestClientPINErrors/getPinToken with permissions", "u2f.TestAuthorize/a token of getPinToken is bound by its first use"}, ""},
		{"P-6.1", "6.5.5.7.1", "forcePINChange", "u2f.Key.mustChangePIN", []string{"u2f.TestMinPINLength/a longer one makes the PIN be changed"}, ""},
		{"P-7.1", "2.3 6.5.5.7", "pcmr: a token that reads, as long as the PIN lasts", "u2f.Key.persistentToken", []string{"u2f.TestPersistentToken"}, ""},
		{"P-1.1", "2.3 7.5", "the policy on PINs", "u2f.PINPolicy.admits", []string{"u2f.TestMinPINLength/a policy in force refuses simple PINs"}, ""},
		{"P-7", "6.5.5.7.2", "permissions", "u2f.Key.getTokenUsingPIN", []string{"u2f.TestClientPINErrors/a token without any permission",
			"u2f.TestClientPINErrors/mc without rpId", "u2f.TestAuthorize/undefined permissions are ignored, not granted"}, ""},
		{"P-8", "6.5.5.7.3", "a finger for a token; a key without a sensor says so", "u2f.Key.getTokenUsingUV",
			[]string{"u2f.TestUVTokens/the right finger", "u2f.TestUVTokens/the key tries again itself", "u2f.TestClientPINErrors/built-in UV of a key without it", "u2f.TestClientPINErrors/getUVRetries of a key without built-in UV"}, ""},
		{"P-8.1", "6.5.2.2", "attempts at the sensor are stored before a finger is asked for; the right PIN gives them back", "u2f.Key.storeUV",
			[]string{"u2f.TestUVAttempts/an attempt is in flash before the finger is asked for", "u2f.TestUVAttempts/the right PIN gives all back",
				"u2f.TestUVAttempts/who has lost all attempts at the PIN is verified by nothing"}, ""},
		{"P-8.2", "6.5.5.3", "getUVRetries", "u2f.Key.getUVRetries", []string{"u2f.TestUVAttempts"}, ""},
		{"P-8.3", "6.5.2.1", "a token that a finger was exchanged for has seen a touch, for 30 seconds", "u2f.Key.tokenPresent",
			[]string{"u2f.TestTokenOfATouch"}, ""},
		{"P-9", "6.5.2.1", "what ends a token", "u2f.Key.dropTokens", []string{"u2f.TestTokensEnd", "u2f.TestTokensThatAreTooOld", "u2f.TestReset/the token is gone"}, ""},
		{"P-10", "6.5.2.1", "the token's timers", "u2f.Key.tokenInUse", []string{"u2f.TestTokensEnd/30 seconds without use",
			"u2f.TestTokensEnd/600 seconds after a use", "u2f.TestTokensOf20"}, ""},
		{"P-11", "6.5.6, 6.5.7", "protocols one and two", "pinuv.newSecret", []string{"pinuv.TestPublishedVectors", "pinuv.TestBothEndsShareASecret"}, ""},
		{"P-12", "6.5.6", "the platform's key is on the curve", "pinuv.parsePeer", []string{"pinuv.TestPeerIsChecked",
			"u2f.TestClientPINErrors/setPIN with a point off the curve"}, ""},
		{"P-13", "6.5.5.2", "getPINRetries: a blocked key says how many attempts there are, too", "u2f.Key.getPINRetries", []string{"u2f.TestWrongPINsUntilTheKeyIsBlocked"}, ""},
		{"P-14", "6.1.2 step 11.1", "a token belongs to a relying party", "u2f.Key.authorize",
			[]string{"u2f.TestAuthorize/a token is good for its permission and its relying party", "u2f.TestAuthorize/an empty relying party is one too"}, ""},
	}},
	{"authenticatorBioEnrollment (Section 6.7)", []specRule{
		{"B-1", "6.7.2", "getModality", "u2f.Key.bioEnrollment", []string{"u2f.TestBioEnrollment"}, ""},
		{"B-2", "6.7.3", "getFingerprintSensorInfo", "u2f.Key.sensorInfo", []string{"u2f.TestBioEnrollment"}, ""},
		{"B-3", "6.7.4", "enrollBegin and enrollCaptureNextSample: samples, what becomes of each, how many are left", "u2f.Key.sample",
			[]string{"u2f.TestSamples", "u2f.TestTemplatesAreFull"}, ""},
		{"B-4", "6, 6.7.4", "an enrolment belongs to its channel, and any other command ends it", "u2f.Key.captureNextSample",
			[]string{"u2f.TestEnrolmentUnderWay"}, ""},
		{"B-5", "6.7.5", "cancelCurrentEnrollment", "u2f.Key.cancelEnrollment", []string{"u2f.TestEnrolmentUnderWay/cancelled"}, ""},
		{"B-6", "6.7.6", "enumerateEnrollments", "u2f.Key.enumerateEnrollments",
			[]string{"u2f.TestBioEnrollment", "u2f.TestTheLongestListOfFingerprintsFits"}, ""},
		{"B-7", "6.7.7", "setFriendlyName", "u2f.Key.setFriendlyName", []string{"u2f.TestBioEnrollment"}, ""},
		{"B-8", "6.7.8", "removeEnrollment", "u2f.Key.removeEnrollment", []string{"u2f.TestBioEnrollment"}, ""},
		{"B-9", "6.12", "the preview command 0x40", "u2f.Key.bioEnrollment",
			[]string{"u2f.TestBioEnrollmentErrors/the command number of before 2.1"}, ""},
		{"B-10", "6.4", "options uv, bioEnroll, userVerificationMgmtPreview, uvBioEnroll, uvAcfg, noMcGaPermissionsWithClientPin", "u2f.Key.sensorOptions",
			[]string{"u2f.TestBioEnrollment", "u2f.TestUVTokens/a PIN is not good for credentials"}, ""},
		{"B-11", "2.3 6.4", "uvCountSinceLastPinEntry", "u2f.Key.getInfo", []string{"u2f.TestUVAttempts/the right PIN gives all back"}, ""},
	}},
	{"authenticatorCredentialManagement (Section 6.8)", []specRule{
		{"C-1", "6.8", "lists belong to their channel and end with any other command", "u2f.Key.credentialManagement",
			[]string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementLists"}, ""},
		{"C-2", "6.8.5", "deletion and new names are one write each", "u2f.Key.deleteCredential",
			[]string{"u2f.TestCredentialManagementCut", "u2f.TestCredentialManagement"}, ""},
		{"C-4", "2.3 6.8", "a token that lasts reads: option perCredMgmtRO", "u2f.Key.verifyPersistent", []string{"u2f.TestPersistentToken/it changes nothing"}, ""},
		{"C-3", "6.12", "the preview command 0x41", "u2f.Key.credentialManagement", []string{"u2f.TestCommands"}, ""},
	}},
	{"authenticatorLargeBlobs (Section 6.10)", []specRule{
		{"L-1", "6.10.2", "get, for everybody", "u2f.Key.readBlobs", []string{"u2f.TestLargeBlobs", "u2f.TestLargeBlobsErrors"}, ""},
		{"L-2", "6.10.2", "set: fragments in order, of one channel, with lbw where there is a PIN", "u2f.Key.writeBlobs",
			[]string{"u2f.TestLargeBlobs/a fragment that is left out, sent twice, or late", "u2f.TestLargeBlobs/what one channel began no other goes on with",
				"u2f.TestLargeBlobs/with a PIN, by a token that an assertion has used", "u2f.TestLargeBlobsErrors"}, ""},
		{"L-3", "6.10.2", "the array changes with the last fragment, in one write, or not at all", "u2f.Key.storeBlobs",
			[]string{"u2f.TestLargeBlobs/a hash that is not the array's leaves the old one", "u2f.TestLargeBlobs/a flash without room keeps the old array",
				"u2f.TestPowerCuts"}, ""},
		{"L-4", "6.10", "the array of a new key", "u2f.noBlobs", []string{"u2f.TestLargeBlobs/a new key has the empty array"}, ""},
	}},
	{"authenticatorConfig (Sections 6.11, 7)", []specRule{
		{"R-4", "6.11", "the subcommand is known, and the token has acfg", "u2f.Key.authorizeConfig", []string{"u2f.TestConfigErrors"}, ""},
		{"R-4.1", "6.11.1, 7.1", "enableEnterpriseAttestation", "u2f.Key.enableEnterprise", []string{"u2f.TestEnterpriseAttestation"}, ""},
		{"R-4.2", "6.11.2, 7.2", "toggleAlwaysUv", "u2f.Key.toggleAlwaysUV", []string{"u2f.TestAlwaysUV"}, ""},
		{"R-4.3", "6.11.4, 7.4", "setMinPINLength, forceChangePin, minPinLengthRPIDs, pinComplexityPolicy (2.3)", "u2f.Key.setMinPINLength",
			[]string{"u2f.TestMinPINLength", "u2f.TestPINExtensions"}, ""},
		{"R-4.4", "2.3 6.11", "enableLongTouchForReset", "u2f.Key.enableLongTouch", []string{"u2f.TestLongTouch"}, ""},
		{"R-4.5", "6.11.3", "vendorPrototype", "", nil, "the key has none"},
		{"R-5", "7.2.4", "with alwaysUv no CTAP1, and no U2F_V2 in versions", "u2f.Key.instruct", []string{"u2f.TestAlwaysUV", "u2f.TestAKeyThatAlwaysVerifies"}, ""},
		{"R-6", "7.1", "reset ends enterprise attestation", "u2f.Key.wipe", []string{"u2f.TestEnterpriseAttestation"}, ""},
	}},
	{"authenticatorReset, authenticatorSelection, authenticatorGetInfo (Sections 6.6, 6.9, 6.4)", []specRule{
		{"R-1", "6.6", "only in the first seconds, and with a touch", "u2f.Key.reset",
			[]string{"u2f.TestReset/the window is 10 seconds from power-up, and the touch may come later", "u2f.TestTouch/6.6"}, ""},
		{"R-2", "6.6", "what a reset forgets, and what it does not", "u2f.Key.wipe",
			[]string{"u2f.TestReset/everything but the factory's records and the counter is gone", "u2f.TestReset/the token is gone"}, ""},
		{"R-3", "6.9", "selection", "u2f.Key.selection", []string{"u2f.TestTouch/6.9", "u2f.TestPresence/auto touches after its delay"}, ""},
		{"R-1.1", "2.3 6.6", "longTouchForReset and transportsForReset", "u2f.Key.Hold", []string{"u2f.TestLongTouch"}, ""},
		{"I-1", "6.4", "what the key says of itself", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
		{"I-2", "2.3 6.4", "encIdentifier and encCredStoreState, for holders of a token that lasts", "u2f.Key.seal",
			[]string{"u2f.TestPersistentToken/encIdentifier and encCredStoreState are for its holders"}, ""},
	}},
	{"What authenticatorGetInfo says (Section 6.4)", saidOfItself},
	{"Subcommands of authenticatorCredentialManagement (Section 6.8)", management},
	{"Members of assertions (Section 6.2.2)", answers},
	{"Signature counters", counters},
	{"CTAP1 (Section 10; sections of U2F Raw Message Formats)", []specRule{
		{"U-1", "3 to 6, 10", "messages and status words; a key handle is a credential id", "u2f.Key.instruct",
			[]string{"u2f.TestAPDUErrors", "u2f.TestAPDUForms", "u2f.TestRegister", "u2f.TestAuthenticate", "u2f.TestU2FExamples",
				"u2f.TestAU2FCredentialIsACredential", "u2f.TestAKeyWithoutCTAP1", "u2f.FuzzAPDU"}, ""},
		{"U-2", "10, 3.3", "the host asks again until the key was touched", "u2f.Key.present", []string{"u2f.TestTouchPolling", "u2f.TestPolling"}, ""},
		{"U-5", "6.1.2", "the counter rises, stored before the signature", "u2f.Key.count",
			[]string{"u2f.TestGetAssertion/each raises the counter, across power cycles and resets", "u2f.TestNoSignatureWithoutACounter",
				"u2f.TestFlashFails/the counter is not stored, so nothing is signed"}, ""},
		{"U-3", "11.3", "NFC", "", nil, "not a way in of this program"},
		{"U-4", "11.4", "Bluetooth", "", nil, "not a way in of this program"},
	}},
	{"Flash", []specRule{
		{"N-1", "-", "power cuts leave what was or what is to be", "u2f.Key.finishReset",
			[]string{"u2f.TestPowerCuts", "u2f.TestPowerCutsFindAWrongOrder", "flash.TestCutAfter", "flash.TestImageCutAtEveryByte"}, ""},
		{"N-1.1", "-", "damage is found, and stops the key", "u2f.Key.load",
			[]string{"u2f.TestDamagedFlash", "u2f.TestDamagedPINRecordsStopTheKey", "flash.TestImageWithEveryBitFlipped", "flash.TestDamage"}, ""},
		{"N-2", "-", "counter writes in blocks", "", nil, "each step of the counter is one durable write"},
		{"N-3", "6.1.2 step 17", "the slots are counted, not the bytes", "u2f.Key.full", []string{"u2f.TestMakeCredentialSlots"}, ""},
	}},
}

// notServed are commands and extensions of the edition that the key answers as one that does not know them.
var notServed = []struct{ section, what, why string }{
	{"6.11.3", "vendorPrototype of authenticatorConfig, vendorPrototypeConfigCommands of getInfo", "the key has none"},
	{"2.3 6.4", "certifications and vendor members of getInfo", "nobody has certified this key"},
	{"2.3 11.5", "hybrid transports", "not a way in of this program"},
	{"-", "previewSign, which the profile of the YubiKey 5.8 names because the product does", "no published edition of CTAP has it; it is ignored"},
	{"2.3 6.1.2 step 19", "attestation formats but packed, fido-u2f and none", "they are those of platforms"},
	{"6.1.2 step 3", "algorithms but ES256, EdDSA, ES384, RS256 and ML-DSA-44", "makeCredential passes over them"},
	{"11.2.9.3", "vendor commands of CTAPHID", "unknown commands"},
	{"11.3, 11.4", "NFC and Bluetooth", "not a way in of this program"},
}

// testSections are the sections of tests whose comments name none.
var testSections = map[string]string{
	"u2f.TestHMACSecretRefuses":               "12.5",
	"u2f.TestExcludeList":                     "6.1.2 step 12",
	"u2f.TestTheRightPINForgivesTheWrongOnes": "6.5.2.2",
	"ctap.TestParseClientPINRequestRefuses":   "6.5.5",
}

// errorGroups are the commands, by the sections that they are described in, and the errors that each has by them.
var errorGroups = []struct{ title, prefixes, errors string }{
	{"authenticatorMakeCredential", "6.1 2.0:5.1", "ErrPINInvalid ErrPINNotSet ErrOperationDenied ErrInvalidParameter " +
		"ErrMissingParameter ErrUnsupportedAlgorithm ErrInvalidOption ErrUnsupportedOption ErrPUATRequired ErrPINAuthInvalid " +
		"ErrCredentialExcluded ErrUserActionTimeout ErrPINBlocked ErrKeyStoreFull ErrKeepaliveCancel ErrCBORUnexpectedType ErrInvalidLength"},
	{"authenticatorGetAssertion", "6.2 2.0:5.2", "ErrPINInvalid ErrPINNotSet ErrOperationDenied ErrInvalidParameter " +
		"ErrMissingParameter ErrInvalidOption ErrUnsupportedOption ErrPINAuthInvalid ErrNoCredentials ErrUserActionTimeout " +
		"ErrKeepaliveCancel ErrCBORUnexpectedType ErrInvalidLength"},
	{"authenticatorGetNextAssertion", "6.3", "ErrNotAllowed"},
	{"authenticatorGetInfo and what it promises", "6.4", "ErrRequestTooLarge ErrLimitExceeded ErrInvalidLength"},
	{"authenticatorClientPIN", "6.5 2.0:5.5", "ErrInvalidSubcommand ErrMissingParameter ErrInvalidParameter ErrPINAuthInvalid " +
		"ErrPINNotSet ErrPINInvalid ErrPINPolicyViolation ErrPINBlocked ErrPINAuthBlocked ErrUnauthorizedPermission " +
		"ErrNotAllowed ErrUVBlocked ErrUVInvalid ErrUserActionTimeout"},
	{"authenticatorBioEnrollment", "6.7", "ErrMissingParameter ErrCBORUnexpectedType ErrInvalidCBOR ErrInvalidSubcommand ErrInvalidParameter " +
		"ErrPUATRequired ErrPINAuthInvalid ErrNotAllowed ErrInvalidLength ErrInvalidOption ErrFPDatabaseFull ErrOperationDenied ErrKeepaliveCancel"},
	{"authenticatorCredentialManagement", "6.8", "ErrMissingParameter ErrCBORUnexpectedType ErrInvalidSubcommand ErrPUATRequired " +
		"ErrInvalidParameter ErrPINAuthInvalid ErrNotAllowed ErrNoCredentials"},
	{"authenticatorLargeBlobs", "6.10", "ErrInvalidParameter ErrInvalidLength ErrInvalidSeq ErrLargeBlobStorageFull ErrPUATRequired " +
		"ErrMissingParameter ErrPINAuthInvalid ErrCBORUnexpectedType ErrIntegrityFailure"},
	{"authenticatorConfig", "6.11", "ErrCBORUnexpectedType ErrMissingParameter ErrInvalidParameter ErrPUATRequired ErrPINAuthInvalid " +
		"ErrPINPolicyViolation ErrKeyStoreFull ErrPINNotSet"},
	{"authenticatorReset", "6.6", "ErrNotAllowed ErrOperationDenied ErrUserActionTimeout ErrKeepaliveCancel"},
	{"authenticatorSelection", "6.9", "ErrOperationDenied ErrUserActionTimeout ErrKeepaliveCancel"},
	{"Encoding and unknown commands", "8", "ErrInvalidCommand ErrInvalidCBOR ErrCBORUnexpectedType ErrMissingParameter ErrInvalidLength"},
	{"credProtect and hmac-secret", "12.1 12.5", "ErrInvalidParameter ErrCBORUnexpectedType ErrMissingParameter ErrUnsupportedOption " +
		"ErrPINAuthInvalid ErrNoCredentials"},
	{"CTAP1", "3 4 5 6", "swWrongLength swClassNotSupported swInstructionUnknown swIncorrectP1P2 swWrongData swConditionsNotSatisfied"},
	{"What no section has", "", "ErrOther swUnknown"},
}
