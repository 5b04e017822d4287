package ctap

// names are the texts of the specification that answers and requests are full of. Reading one of them allocates nothing.
var names = func() map[string]string {
	m := map[string]string{}
	for _, s := range []string{
		PublicKey, "alg", "type", "id", "name", "displayName", "packed", "none", "usb", "nfc", "internal", // entities and statements
		"x5c", "sig", "fido-u2f", "compound",
		"U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_2", "FIDO_2_3", // Section 6.4, versions
		"rk", "up", "uv", "plat", "clientPin", "pinUvAuthToken", "noMcGaPermissionsWithClientPin", "largeBlobs", "ep", "bioEnroll", // options
		"userVerificationMgmtPreview", "uvBioEnroll", "authnrCfg", "uvAcfg", "credMgmt", "perCredMgmtRO", "credentialMgmtPreview",
		"setMinPINLength", "makeCredUvNotRqd", "alwaysUv",
		"credProtect", "credBlob", "largeBlobKey", "largeBlob", "minPinLength", "pinComplexityPolicy", "hmac-secret", "hmac-secret-mc", // Section 12
		"thirdPartyPayment",
	} {
		m[s] = s
	}
	return m
}()

// textOf is string(b), of a known text without a copy.
func textOf(b []byte) string {
	if s, ok := names[string(b)]; ok {
		return s
	}
	return string(b)
}
