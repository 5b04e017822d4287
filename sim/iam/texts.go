package iam

import (
	"fmt"
	"maps"
	"slices"
)

// A text is one answer that refuses: code, status and wording, how well it is known, and from where. The letters are
// R recorded from the real service, D its documentation or service model, S seen on the wire by a user, K common
// knowledge without a source, and O ours: nobody has recorded it, so it is a guess that can be corrected (Config.Texts).
type text struct {
	id     string
	status int
	code   string
	format string
	known  string // R, D, S, K or O
	// rule and section are for people: what decided, and where that is written.
	rule, section string
}

// texts is every refusal, in the order: protocol, constraints, users, devices, tokens, account.
var texts = []text{
	// The protocol. "Common Errors" of the IAM API Reference.
	{"InvalidAction", 400, "InvalidAction", "Could not find operation %s for version %s", "K", "action", "Common Errors"},
	{"NotInTheLab", 400, "InvalidAction", "mfalab's %s does not have %s, which the real service has; docs/iam.md lists what there is.", "O", "action", "Common Errors"},
	{"MissingAction", 400, "MissingAction", "The request is missing an action or a required parameter.", "D", "action", "Common Errors"},
	{"MalformedQueryString", 404, "MalformedQueryString", "The query string contains a syntax error.", "D", "form", "Common Errors"},
	{"RequestTooLarge", 413, "RequestEntityTooLarge", "The request is larger than %d bytes.", "O", "size", "Lab notes"},
	{"MissingAuthenticationToken", 403, "MissingAuthenticationToken", "Request is missing Authentication Token", "D", "signature", "Signature Version 4"},
	{"IncompleteSignature", 400, "IncompleteSignature", "%s", "D", "signature", "Signature Version 4"},
	{"SignatureDoesNotMatch", 403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.", "S", "signature", "Signature Version 4"},
	{"SignatureScope", 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'. ", "S", "scope", "Signature Version 4"},
	{"SignatureExpired", 403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than %s (%s - 5 min.)", "S", "skew", "Signature Version 4"},
	{"SignatureEarly", 403, "SignatureDoesNotMatch", "Signature not yet current: %s is still later than %s (%s + 5 min.)", "S", "skew", "Signature Version 4"},
	{"InvalidClientTokenId", 403, "InvalidClientTokenId", "The security token included in the request is invalid.", "D", "credential", "Common Errors"},
	{"SessionWithoutMFA", 403, "InvalidClientTokenId", "The security token included in the request is invalid", "S", "credential-kind", "IAM User Guide, id_credentials_temp_request"},
	{"ExpiredToken", 403, "ExpiredToken", "The security token included in the request is expired", "D", "expiry", "Common Errors"},
	{"AccessDenied", 403, "AccessDenied", "User: %s is not authorized to perform: %s:%s", "D", "credential-kind", "IAM User Guide, id_credentials_temp_request"},
	{"Denied", 403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s %s", "D", "policy", "IAM User Guide, troubleshoot_access-denied"},
	{"ServiceFailure", 500, "ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.", "D", "store", "Common Errors"},

	// Constraints of the service model.
	{"Constraint", 400, "ValidationError", "%d validation %s detected: %s", "R", "constraint", "service model"},
	{"MalformedNumber", 400, "MalformedInput", "Invalid number for parameter %s", "O", "constraint", "service model"},
	{"MalformedBoolean", 400, "MalformedInput", "Invalid boolean for parameter %s", "O", "constraint", "service model"},
	{"InvalidMarker", 400, "ValidationError", "Invalid Marker.", "R", "marker", "API_ListVirtualMFADevices"},
	{"InvalidPath", 400, "ValidationError", "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.", "R", "path", "API_CreateVirtualMFADevice"},
	{"DuplicateTagKeys", 400, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", "R", "tags", "API_CreateVirtualMFADevice"},
	{"TagLimit", 409, "LimitExceeded", "The number of tags has reached the maximum limit.", "R", "tags", "API_TagMFADevice"},

	// Users.
	{"NoSuchUser", 404, "NoSuchEntity", "The user with name %s cannot be found.", "R", "user", "API_GetUser"},
	{"UserExists", 409, "EntityAlreadyExists", "User with name %s already exists.", "R", "unique-name", "API_CreateUser"},
	{"UserLimit", 409, "LimitExceeded", "Cannot exceed quota for UsersPerAccount: %d", "O", "users", "IAM User Guide, reference_iam-quotas"},
	{"MustNameUser", 400, "ValidationError", "Must specify userName when calling with non-User credentials", "R", "caller", "API_CreateAccessKey"},
	{"UserHasDevice", 409, "DeleteConflict", "Cannot delete entity, must delete MFA device first.", "S", "delete-order", "API_DeleteUser"},
	{"UserHasLoginProfile", 409, "DeleteConflict", "Cannot delete entity, must delete login profile first.", "K", "delete-order", "API_DeleteUser"},
	{"UserHasAccessKey", 409, "DeleteConflict", "Cannot delete entity, must delete access keys first.", "K", "delete-order", "API_DeleteUser"},
	{"StillAttached", 409, "DeleteConflict", "Cannot delete entity, must detach all policies first.", "R", "delete-order", "API_DeleteUser"},
	{"StillInline", 409, "DeleteConflict", "Cannot delete entity, must delete policies first.", "R", "delete-order", "API_DeleteUser"},
	{"UserInGroup", 409, "DeleteConflict", "Cannot delete entity, must remove users from group first.", "S", "delete-order", "API_DeleteUser"},
	{"InvalidARN", 400, "InvalidInput", "ARN %s is not valid.", "R", "boundary", "API_CreateUser"},
	{"NoSuchBoundary", 404, "NoSuchEntity", "Scope ARN: %s does not exist or is not attachable.", "R", "boundary", "API_CreateUser"},
	{"ReservedTagKey", 400, "InvalidInput", "Tag keys that begin with aws: are reserved for system use.", "O", "tags", "IAM User Guide, id_tags"},
	{"LoginProfileExists", 409, "EntityAlreadyExists", "Login Profile for user %s already exists.", "R", "login-profile", "API_CreateLoginProfile"},
	{"NoSuchLoginProfile", 404, "NoSuchEntity", "Login Profile for User %s cannot be found.", "R", "login-profile", "API_GetLoginProfile"},
	{"LoginProfileSettling", 409, "EntityTemporarilyUnmodifiable", "Login Profile for User %s cannot be modified while login profile is being created.", "S", "settle", "API_DeleteLoginProfile"},
	{"NoPasswordPolicy", 404, "NoSuchEntity", "The Password Policy with domain name %s cannot be found.", "R", "password-policy", "API_GetAccountPasswordPolicy"},
	{"NoAccountPolicy", 404, "NoSuchEntity", "The account policy with name PasswordPolicy cannot be found.", "R", "password-policy", "API_DeleteAccountPasswordPolicy"},
	{"PasswordTooWeak", 400, "PasswordPolicyViolation", "Password should %s", "K", "password-policy", "IAM User Guide, id_credentials_passwords_account-policy"},
	{"PasswordReused", 400, "PasswordPolicyViolation", "Password does not conform to the account password policy.", "K", "password-reuse", "IAM User Guide, id_credentials_passwords_account-policy"},
	{"PasswordExpired", 403, "AccessDenied", "Your password has expired. Contact your administrator.", "O", "password-expiry", "IAM User Guide, id_credentials_passwords_account-policy"},
	{"OldPassword", 403, "AccessDenied", "The old password was incorrect.", "K", "old-password", "API_ChangePassword"},
	{"OnlyUsers", 400, "InvalidUserType", "Only IAM Users can change their own password", "K", "caller", "API_ChangePassword"},
	{"AccessKeyLimit", 409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: %d", "R", "access-keys", "API_CreateAccessKey"},
	{"NoSuchAccessKey", 404, "NoSuchEntity", "The Access Key with id %s cannot be found.", "R", "access-key", "API_UpdateAccessKey"},
	{"InvalidKeyStatus", 400, "InvalidInput", "The status %s cannot be set.", "O", "access-key", "API_UpdateAccessKey"},
	{"ForeignAccessKey", 403, "AccessDenied", "User: %s is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key %s", "R", "access-key", "API_GetAccessKeyLastUsed"},

	// Groups, roles and policies.
	{"NoSuchGroup", 404, "NoSuchEntity", "The group with name %s cannot be found.", "R", "group", "API_GetGroup"},
	{"NoSuchRole", 404, "NoSuchEntity", "The role with name %s cannot be found.", "R", "role", "API_GetRole"},
	{"InvalidPolicyARN", 400, "ValidationError", "ARN %s is not valid.", "R", "policy", "API_AttachUserPolicy"},
	{"NotAttachable", 404, "NoSuchEntity", "Policy %s does not exist or is not attachable.", "R", "policy", "API_AttachUserPolicy"},
	{"NoSuchPolicy", 404, "NoSuchEntity", "Policy %s was not found.", "R", "policy", "API_DeletePolicy"},
	{"NoSuchInlinePolicy", 404, "NoSuchEntity", "The %s policy with name %s cannot be found.", "R", "inline-policy", "API_GetGroupPolicy"},
	{"GroupExists", 409, "EntityAlreadyExists", "Group with name %s already exists.", "R", "unique-name", "API_CreateGroup"},
	{"RoleExists", 409, "EntityAlreadyExists", "Role with name %s already exists.", "S", "unique-name", "API_CreateRole"},
	{"QuotaExceeded", 409, "LimitExceeded", "Cannot exceed quota for %s: %d", "S", "quota", "IAM User Guide, reference_iam-quotas"},
	{"NoBoundary", 404, "NoSuchEntity", "The %s with name %s has no permissions boundary.", "O", "boundary", "API_DeleteUserPermissionsBoundary"},
	{"InvalidPrincipal", 400, "MalformedPolicyDocument", "Invalid principal in policy: \"%s\":\"%s\"", "S", "principal", "IAM User Guide, reference_policies_elements_principal"},
	{"PolicyExists", 409, "EntityAlreadyExists", "A policy called %s already exists. Duplicate names are not allowed.", "R", "unique-name", "API_CreatePolicy"},
	{"NoSuchVersion", 404, "NoSuchEntity", "Policy %s version %s does not exist or is not attachable.", "R", "policy-version", "API_GetPolicyVersion"},
	{"VersionLimit", 409, "LimitExceeded", "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", "R", "policy-version", "API_CreatePolicyVersion"},
	{"DefaultVersion", 409, "DeleteConflict", "Cannot delete the default version of a policy.", "R", "policy-version", "API_DeletePolicyVersion"},
	{"PolicyHasVersions", 409, "DeleteConflict", "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.", "S", "delete-order", "API_DeletePolicy"},
	{"PolicyInUse", 409, "DeleteConflict", "Cannot delete a policy attached to entities.", "S", "delete-order", "API_DeletePolicy"},
	{"ForeignPolicyDelete", 403, "AccessDenied", "Cannot delete policies outside your own account.", "R", "aws-managed", "API_DeletePolicy"},
	{"ForeignVersionDelete", 403, "AccessDenied", "Cannot delete policy versions for policies outside your own account.", "R", "aws-managed", "API_DeletePolicyVersion"},
	{"ForeignPolicyUpdate", 403, "AccessDenied", "Cannot update policies outside your own account.", "R", "aws-managed", "API_CreatePolicyVersion"},
	{"DuplicatePolicyTagKeys", 400, "InvalidInput", "Duplicate tag keys found.", "R", "tags", "API_CreatePolicy"},
	{"InvalidSimulation", 400, "InvalidInput", "%s", "K", "simulation", "API_SimulateCustomPolicy"},
	{"NoSource", 400, "InvalidInput", "Invalid Entity Arn: %s does not clearly define entity type and name.", "S", "simulation", "API_SimulatePrincipalPolicy"},
	{"AttachedLimit", 409, "LimitExceeded", "Cannot exceed quota for PoliciesPer%s: %d", "S", "attached-policies", "IAM User Guide, reference_iam-quotas"},

	// SSH public keys, signing certificates, service-specific credentials.
	{"UserIsReferenced", 409, "DeleteConflict", "Cannot delete entity, must remove referenced objects first.", "R", "delete-order", "API_DeleteUser"},
	{"NoSuchPublicKey", 404, "NoSuchEntity", "The Public Key with id %s cannot be found.", "R", "ssh-key", "API_GetSSHPublicKey"},
	{"UnrecognizedPublicKey", 400, "UnrecognizedPublicKeyEncoding", "The public key is neither in ssh-rsa nor in PEM format.", "O", "ssh-key", "API_UploadSSHPublicKey"},
	{"InvalidPublicKey", 400, "InvalidPublicKey", "The public key must have at least %d bits.", "O", "ssh-key", "API_UploadSSHPublicKey"},
	{"DuplicatePublicKey", 400, "DuplicateSSHPublicKey", "The user has this SSH public key already.", "O", "ssh-key", "API_UploadSSHPublicKey"},
	{"NoSuchCertificate", 404, "NoSuchEntity", "The Certificate with id %s cannot be found.", "R", "certificate", "API_DeleteSigningCertificate"},
	{"MalformedCertificate", 400, "MalformedCertificate", "Certificate %s is malformed.", "R", "certificate", "API_UploadSigningCertificate"},
	{"DuplicateCertificate", 409, "DuplicateCertificate", "The user has this certificate already.", "O", "certificate", "API_UploadSigningCertificate"},
	{"CertificateLimit", 409, "LimitExceeded", "Cannot exceed quota for CertificatesPerUser: %d", "R", "certificate", "API_UploadSigningCertificate"},
	{"NoSuchServiceCredential", 404, "NoSuchEntity", "No such credential %s exists", "R", "service-credential", "API_DeleteServiceSpecificCredential"},
	{"NoSuchCredentialService", 404, "NoSuchEntity", "No such service %s is supported for Service Specific Credentials", "R", "service-credential", "API_CreateServiceSpecificCredential"},

	// Devices.
	{"NoSuchDevice", 404, "NoSuchEntity", "MFA Device with serial number %s does not exist.", "R", "serial", "API_EnableMFADevice"},
	{"DeviceExists", 409, "EntityAlreadyExists", "MFA device already exists.", "R", "serial", "API_CreateVirtualMFADevice"},
	{"DeviceInUse", 409, "EntityAlreadyExists", "MFA Device is already in use.", "R", "assignment", "API_EnableMFADevice"},
	{"DeviceLimit", 409, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: %d", "O", "devices-per-user", "API_EnableMFADevice"},
	{"VirtualDeviceLimit", 409, "LimitExceeded", "Cannot exceed quota for VirtualMFADevices: %d", "O", "virtual-devices", "IAM User Guide, reference_iam-quotas"},
	{"InvalidAuthenticationCode", 403, "InvalidAuthenticationCode", "Authentication code for device is not valid.", "S", "code", "API_EnableMFADevice"},
	{"DeviceNotOfUser", 404, "NoSuchEntity", "MFA Device invalid for user.", "S", "assignment", "API_ResyncMFADevice"},
	{"DeviceAssigned", 409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.", "S", "assignment", "API_DeleteVirtualMFADevice"},
	{"DeviceWithoutTags", 400, "InvalidInput", "Only virtual MFA devices can be tagged.", "O", "tags", "IAM User Guide, id_tags_virtual-mfa"},
	{"UserSettling", 409, "EntityTemporarilyUnmodifiable", "The user with name %s was just created anew and cannot be modified yet. Please try again later.", "O", "settle", "API_EnableMFADevice"},

	// Security keys. Nobody has recorded what the console answers.
	{"NoCeremony", 403, "AccessDenied", "The request to use a security key is unknown, was answered already or has expired.", "O", "challenge-reuse", "WebAuthn, Section 13.4.3"},
	{"InvalidSecurityKey", 400, "InvalidInput", "The security key could not be verified.", "O", "form", "WebAuthn, Section 7.1"},
	{"NoSecurityKey", 404, "NoSuchEntity", "The user has no security key.", "O", "security-key", "WebAuthn, Section 7.2"},
	{"SecurityKeyFailed", 403, "AccessDenied", "MultiFactorAuthentication failed, the answer of the security key is not valid.", "O", "form", "WebAuthn, Section 7.2"},

	// Signing in.
	{"SignInFailed", 403, "AccessDenied", "Your authentication information is incorrect. Please try again.", "S", "password", "IAM User Guide, console"},
	{"SignInCodeFailed", 403, "AccessDenied", "Your authentication information is incorrect. Please try again.", "K", "code", "IAM User Guide, console_sign-in-mfa"},
	{"NoSignIn", 403, "AccessDenied", "The sign-in is over or took too long. Please sign in again.", "O", "sign-in", "Lab notes"},
	{"RoleSwitchFailed", 403, "AccessDenied", "Invalid information in one or more fields. Check your information or contact your administrator.", "S", "trust", "IAM User Guide, id_roles_use_switch-role-console"},
	{"RootSwitchesRole", 403, "AccessDenied", "You cannot switch roles when you sign in as the AWS account root user.", "D", "credential-kind", "IAM User Guide, id_roles_use_permissions-to-switch"},
	{"NoCall", 403, "AccessDenied", "Nobody is waiting for this call.", "O", "call", "IAM User Guide, id_credentials_mfa_lost-or-broken"},
	{"BillingRootOnly", 403, "AccessDenied", "Only the root user can activate IAM user and role access to Billing information.", "O", "root", "IAM User Guide, tutorial_billing"},
	{"BillingOff", 403, "AccessDenied", "You don't have permission to access billing information for this account: IAM user and role access to Billing information is not activated.", "O", "billing", "IAM User Guide, tutorial_billing"},
	{"SamePassword", 400, "PasswordPolicyViolation", "The new password is the old one. Please choose another.", "O", "password", "API_ChangePassword"},

	// Tokens.
	{"InvalidCode", 403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code. ", "S", "code", "API_GetSessionToken"},
	{"InvalidSerial", 403, "AccessDenied", "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.", "S", "serial", "API_GetSessionToken"},
	{"SerialAndCode", 403, "AccessDenied", "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", "S", "pair", "API_GetSessionToken"},
	{"UnknownAccessKey", 400, "ValidationError", "The access key ID %s is not valid.", "O", "access key", "API_GetAccessKeyInfo"},
	{"SessionCallsSession", 403, "AccessDenied", "Cannot call %s with session credentials", "S", "credential-kind", "API_GetSessionToken"},
	{"RootAssumesRole", 403, "AccessDenied", "Roles may not be assumed by root accounts.", "K", "credential-kind", "API_AssumeRole"},
	{"MalformedARN", 400, "ValidationError", "%s is invalid", "R", "arn", "API_AssumeRole"},
	{"NotAssumable", 403, "AccessDenied", "User: %s is not authorized to perform: %s on resource: %s", "S", "trust", "API_AssumeRole"},
	{"RoleSessionTooLong", 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", "K", "duration", "API_AssumeRole"},
	{"ChainedSessionTooLong", 400, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining", "S", "duration", "API_AssumeRole"},
	{"DuplicateSessionTags", 400, "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", "R", "tags", "API_AssumeRole"},
	{"TransitiveTagMissing", 400, "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.", "R", "tags", "API_AssumeRole"},
	{"TransitiveTagConflict", 400, "InvalidParameterValue", "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.", "R", "tags", "API_AssumeRole"},
	{"PackedPolicyTooLarge", 400, "PackedPolicyTooLarge", "Packed policy consumes %d%% of allotted space, please use smaller policy.", "S", "session-policy", "API_AssumeRole"},
	{"NoSessionPolicy", 400, "ValidationError", "Policy %s does not exist or is not attachable.", "O", "session-policy", "API_AssumeRole"},
	{"NoIdentityProvider", 400, "InvalidIdentityToken", "This account has no identity provider: the lab serves neither SAML nor OpenID Connect.", "O", "provider", "API_AssumeRoleWithSAML"},
	{"InvalidMessage", 400, "InvalidAuthorizationMessageException", "Message is not valid", "S", "message", "API_DecodeAuthorizationMessage"},

	// The trail.
	{"LookupAttributes", 400, "InvalidLookupAttributesException", "A lookup takes one attribute of the service model, and a value of at most 2000 characters.", "O", "form", "API_LookupEvents"},
	{"LookupMaxResults", 400, "InvalidMaxResultsException", "MaxResults is a number from 1 to %d.", "O", "form", "API_LookupEvents"},
	{"LookupCategory", 400, "InvalidEventCategoryException", "The event category %s is not valid.", "O", "form", "API_LookupEvents"},
	{"LookupTimeRange", 400, "InvalidTimeRangeException", "The time range of a lookup must begin before it ends.", "O", "time-range", "API_LookupEvents"},
	{"LookupThrottled", 400, "ThrottlingException", "Rate exceeded", "S", "lookup-rate", "API_LookupEvents"},
	{"LookupToken", 400, "InvalidNextTokenException", "The next token is not valid, or came with other parameters.", "O", "next-token", "API_LookupEvents"},

	// Devices, as the services beside IAM answer. The lab's text has the code in it, as the real one has; no record has.
	{"NotDeviceOwner", 400, "NotDeviceOwnerError", "The device with serial number %s that generated token {token} is not owned by the authenticated user.", "D", "serial", "S3 API Reference, Error responses"},
	{"TokenCodeInvalid", 400, "TokenCodeInvalidError", "The serial number and/or token code you provided is not valid.", "D", "code", "S3 API Reference, Error responses"},

	// The account.
	{"AliasExists", 409, "EntityAlreadyExists", "The account alias %s already exists.", "K", "alias", "API_CreateAccountAlias"},
	{"NoSuchAlias", 404, "NoSuchEntity", "The account alias %s cannot be found.", "O", "alias", "API_DeleteAccountAlias"},
	{"ReportNotPresent", 410, "ReportNotPresent", "", "R", "report", "API_GetCredentialReport"},
	{"ReportExpired", 410, "ReportExpired", "The most recent credential report has expired. To generate a new credential report, use GenerateCredentialReport.", "D", "report", "API_GetCredentialReport"},
}

// A Text is one answer that refuses, as the documentation lists it.
type Text struct {
	ID     string // what Config.Texts calls it
	Status int
	Code   string
	Text   string // with %s and %d where a value stands
	// Known is how well the text is known: R recorded, D documented, S seen, K common knowledge, O ours.
	Known string
}

// Texts lists every refusal, in the order of the table.
func Texts() []Text {
	var out []Text
	for _, t := range texts {
		out = append(out, Text{t.id, t.status, t.code, t.format, t.known})
	}
	return out
}

// correctedTexts returns the texts by ID, with the wordings in by put in place of ours.
func correctedTexts(by map[string]string) (map[string]text, error) {
	m := make(map[string]text, len(texts))
	for _, t := range texts {
		m[t.id] = t
	}
	for _, id := range slices.Sorted(maps.Keys(by)) {
		t, ok := m[id]
		if !ok {
			return nil, fmt.Errorf("there is no answer %q whose text could be corrected: see docs/iam.md for their names", id)
		}
		t.format = by[id]
		m[id] = t
	}
	return m, nil
}

// refuse returns the error with the given ID, its text filled in.
func (s *Service) refuse(id string, args ...any) *Error {
	t, ok := s.texts[id]
	if !ok {
		panic("iam: internal error: no text " + id)
	}
	e := &Error{Code: t.code, Status: t.status, Rule: t.rule, Section: t.section, Message: t.format}
	if len(args) > 0 {
		e.Message = fmt.Sprintf(t.format, args...)
	}
	e.NoMessage = t.format == ""
	return e
}

// Refuse is for the edges that answer before an operation is reached: it returns the error with the given ID of the table
// of texts, such as "SignatureDoesNotMatch", its text filled in. An unknown ID is a bug and panics.
func (s *Service) Refuse(id string, args ...any) *Error { return s.refuse(id, args...) }
