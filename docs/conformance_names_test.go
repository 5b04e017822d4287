package docs_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// saidOfItself are the rules about what authenticatorGetInfo answers, member by member and option by option.
var saidOfItself = []specRule{
	{"0x01", "6.4", "versions: U2F_V2, FIDO_2_0, FIDO_2_1, FIDO_2_3 (FIDO_2_1_PRE where a product says so)", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestGetInfoOf23", "u2f.TestAlwaysUV/getInfo"}, ""},
	{"0x02", "6.4", "extensions", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestGetInfoOf23"}, ""},
	{"0x03", "6.4", "aaguid", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestAAGUIDIsTheFactorys"}, ""},
	{"0x04", "6.4", "options: the rows below", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestGetInfoOf23", "u2f.TestBioEnrollment"}, ""},
	{"0x05", "6.4", "maxMsgSize", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestRequests"}, ""},
	{"0x06", "6.4", "pinUvAuthProtocols", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"0x07", "6.4", "maxCredentialCountInList", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestMakeCredentialErrors/an excludeList that is too long"}, ""},
	{"0x08", "6.4", "maxCredentialIdLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestEncodingRules"}, ""},
	{"0x09", "6.4", "transports", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"0x0A", "6.4", "algorithms", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestGetInfoOf23", "u2f.TestAlgorithms"}, ""},
	{"0x0B", "6.4", "maxSerializedLargeBlobArray", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestLargeBlobs"}, ""},
	{"0x0C", "6.4", "forcePINChange", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestMinPINLength/a longer one makes the PIN be changed"}, ""},
	{"0x0D", "6.4", "minPINLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestMinPINLength"}, ""},
	{"0x0E", "6.4", "firmwareVersion", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"0x0F", "6.4", "maxCredBlobLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestCredBlob"}, ""},
	{"0x10", "6.4", "maxRPIDsForSetMinPINLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestConfigErrors"}, ""},
	{"0x11", "6.4", "preferredPlatformUvAttempts", "u2f.Key.getInfo", []string{"u2f.TestBioEnrollment"}, ""},
	{"0x12", "6.4", "uvModality", "u2f.Key.getInfo", []string{"u2f.TestBioEnrollment"}, ""},
	{"0x13", "6.4", "certifications", "", nil, "nobody has certified this key"},
	{"0x14", "6.4", "remainingDiscoverableCredentials", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"0x15", "6.4", "vendorPrototypeConfigCommands", "", nil, "the key has none"},
	{"0x16", "2.3 6.4", "attestationFormats", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestAttestation"}, ""},
	{"0x17", "2.3 6.4", "uvCountSinceLastPinEntry", "u2f.Key.getInfo", []string{"u2f.TestUVAttempts/the right PIN gives all back"}, ""},
	{"0x18", "2.3 6.4", "longTouchForReset", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestLongTouch"}, ""},
	{"0x19", "2.3 6.4", "encIdentifier", "u2f.Key.seal", []string{"u2f.TestPersistentToken/encIdentifier and encCredStoreState are for its holders"}, ""},
	{"0x1A", "2.3 6.4", "transportsForReset", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestLongTouch"}, ""},
	{"0x1B", "2.3 6.4", "pinComplexityPolicy", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestMinPINLength/a policy in force refuses simple PINs"}, ""},
	{"0x1C", "2.3 6.4", "pinComplexityPolicyURL", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23"}, ""},
	{"0x1D", "2.3 6.4", "maxPINLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestMinPINLength/a PIN has so many code points at most"}, ""},
	{"0x1E", "2.3 6.4", "encCredStoreState", "u2f.Key.seal", []string{"u2f.TestPersistentToken/encIdentifier and encCredStoreState are for its holders"}, ""},
	{"0x1F", "2.3 6.4", "authenticatorConfigCommands", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23"}, ""},
	{"plat", "6.4", "option plat: false, the key can be taken along", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"rk, up", "6.4", "options rk and up", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"clientPin", "6.4", "option clientPin", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"pinUvAuthToken", "6.4", "option pinUvAuthToken", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"uv", "6.4", "options uv, bioEnroll, userVerificationMgmtPreview, uvBioEnroll, uvAcfg", "u2f.Key.sensorOptions", []string{"u2f.TestBioEnrollment"}, ""},
	{"noMcGa", "6.4", "option noMcGaPermissionsWithClientPin", "u2f.Key.sensorOptions", []string{"u2f.TestUVTokens/a PIN is not good for credentials"}, ""},
	{"largeBlobs", "6.4", "option largeBlobs", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"ep", "6.4", "option ep", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestEnterpriseAttestation"}, ""},
	{"authnrCfg", "6.4", "option authnrCfg", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"credMgmt", "6.4", "options credMgmt and credentialMgmtPreview", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"perCredMgmtRO", "2.3 6.4", "option perCredMgmtRO", "u2f.Key.getInfo", []string{"u2f.TestGetInfoOf23", "u2f.TestPersistentToken"}, ""},
	{"setMinPINLength", "6.4", "option setMinPINLength", "u2f.Key.getInfo", []string{"u2f.TestGetInfo"}, ""},
	{"makeCredUvNotRqd", "6.4", "option makeCredUvNotRqd", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestAlwaysUV/getInfo"}, ""},
	{"alwaysUv", "6.4", "option alwaysUv", "u2f.Key.getInfo", []string{"u2f.TestGetInfo", "u2f.TestAlwaysUV/getInfo"}, ""},
}

// answers are the rules about members of answers that are not a command's whole business.
var answers = []specRule{
	{"0x05", "6.2.2 step 12", "numberOfCredentials of authenticatorGetAssertion, in the first of several", "u2f.Key.asserting", []string{"u2f.TestGetNextAssertion"}, ""},
	{"0x06", "6.2.2", "userSelected: where the key has its user choose the account (quirk internal_account_chooser)", "u2f.Key.asserting", []string{"u2f.TestQuirks/internal_account_chooser"}, ""},
	{"0x08", "2.3 12.4", "unsignedExtensionOutputs: what largeBlob comes to", "u2f.Key.largeBlob", []string{"u2f.TestLargeBlobExtension"}, ""},
}

// management are the rules about the subcommands of authenticatorCredentialManagement.
var management = []specRule{
	{"0x01", "6.8.2", "getCredsMetadata", "u2f.Key.credentialManagement", []string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementErrors"}, ""},
	{"0x02, 0x03", "6.8.3", "enumerateRPsBegin, enumerateRPsGetNextRP", "u2f.Key.credentialManagement", []string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementLists"}, ""},
	{"0x04, 0x05", "6.8.4", "enumerateCredentialsBegin, enumerateCredentialsGetNextCredential", "u2f.Key.credentialManagement", []string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementLists"}, ""},
	{"0x06", "6.8.5", "deleteCredential", "u2f.Key.deleteCredential", []string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementCut"}, ""},
	{"0x07", "6.8.6", "updateUserInformation", "u2f.Key.credentialManagement", []string{"u2f.TestCredentialManagement", "u2f.TestCredentialManagementCut"}, ""},
}

// counters are the rules about the signature counter, which the specification leaves to keys within bounds.
var counters = []specRule{
	{"global", "6.1.2", "one for all credentials", "u2f.Key.count", []string{"u2f.TestCounters", "u2f.TestCountersAcrossPowerCuts"}, ""},
	{"per-credential", "6.1.2", "one for each credential; it is gone with it", "u2f.Key.count", []string{"u2f.TestCounters", "u2f.TestCountersAcrossPowerCuts", "u2f.TestCountersGoWithTheirCredentials", "u2f.TestResetForgetsCountersOfCredentials"}, ""},
	{"random", "6.1.2", "steps of 1 to 8", "u2f.Key.count", []string{"u2f.TestCounters/random", "u2f.TestCountersAcrossPowerCuts"}, ""},
	{"zero", "6.1.2", "none: always 0", "u2f.Key.count", []string{"u2f.TestCounters"}, ""},
	{"frozen, wrap, regress", "-", "what no key may do, for relying parties to notice", "u2f.Key.count", []string{"u2f.TestCounters"}, ""},
	{"all", "10", "CTAP1 counts with it", "u2f.Key.count", []string{"u2f.TestCounters/U2F counts with it"}, ""},
	{"used up", "-", "no signature after the last number", "u2f.Key.count", []string{"u2f.TestCounters/it is used up"}, ""},
}

// vocabulary is what the edition of 2.3 has names for: commands with their subcommands (Section 6), members of requests and
// answers, options, extensions (Section 12), permissions.
const vocabulary = `
authenticatorMakeCredential authenticatorGetAssertion authenticatorGetNextAssertion authenticatorGetInfo authenticatorClientPIN
authenticatorReset authenticatorBioEnrollment authenticatorCredentialManagement authenticatorSelection authenticatorLargeBlobs
authenticatorConfig 0x40 0x41
getPINRetries getKeyAgreement setPIN changePIN getPinToken getPinUvAuthTokenUsingUvWithPermissions getUVRetries
getPinUvAuthTokenUsingPinWithPermissions
getModality getFingerprintSensorInfo enrollBegin enrollCaptureNextSample cancelCurrentEnrollment enumerateEnrollments setFriendlyName removeEnrollment
getCredsMetadata enumerateRPsBegin enumerateRPsGetNextRP enumerateCredentialsBegin enumerateCredentialsGetNextCredential deleteCredential
updateUserInformation
enableEnterpriseAttestation toggleAlwaysUv setMinPINLength vendorPrototype enableLongTouchForReset forceChangePin minPinLengthRPIDs
versions extensions aaguid options maxMsgSize pinUvAuthProtocols maxCredentialCountInList maxCredentialIdLength transports algorithms
maxSerializedLargeBlobArray forcePINChange minPINLength firmwareVersion maxCredBlobLength maxRPIDsForSetMinPINLength
preferredPlatformUvAttempts uvModality certifications remainingDiscoverableCredentials vendorPrototypeConfigCommands attestationFormats
uvCountSinceLastPinEntry longTouchForReset encIdentifier transportsForReset pinComplexityPolicy pinComplexityPolicyURL maxPINLength
encCredStoreState authenticatorConfigCommands
plat rk clientPin up uv pinUvAuthToken noMcGaPermissionsWithClientPin largeBlobs ep bioEnroll userVerificationMgmtPreview uvBioEnroll
authnrCfg uvAcfg credMgmt perCredMgmtRO credentialMgmtPreview makeCredUvNotRqd alwaysUv
credProtect credBlob largeBlobKey largeBlob minPinLength hmac-secret hmac-secret-mc thirdPartyPayment
enterpriseAttestation attestationFormatsPreference epAtt pinUvAuthParam pinUvAuthProtocol excludeList allowList
numberOfCredentials userSelected unsignedExtensionOutputs pcmr`

// Nothing that the edition has a name for is missing on the page, and no member of getInfo.
func TestConformanceNamesEverything(t *testing.T) {
	page, err := os.ReadFile(conformancePage)
	require.NoError(t, err)
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(string(page), func(r rune) bool { return strings.ContainsRune(" \t\n|,;:()`\"", r) }) {
		words[strings.TrimSuffix(w, ".")] = true
	}
	missing := slices.DeleteFunc(strings.Fields(vocabulary), func(w string) bool { return words[w] })
	require.Empty(t, missing)
}
