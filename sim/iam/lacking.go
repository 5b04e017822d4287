package iam

import (
	"slices"
	"strings"
)

// lacking are the operations of the service models (botocore 1.43.11 and the AWS SDK for Go) that this account does not have.
// Who calls one is told that it is the lab's lack, where an action that nobody has is answered as the real service answers it.
var lacking = map[string][]string{
	"iam": strings.Fields(`
		AcceptDelegationRequest AcquireRole AddClientIDToOpenIDConnectProvider AddRoleToInstanceProfile AssociateDelegationRequest
		CreateDelegationRequest CreateInstanceProfile CreateOpenIDConnectProvider CreateSAMLProvider
		CreateServiceLinkedRole DeleteInstanceProfile DeleteOpenIDConnectProvider DeleteSAMLProvider
		DeleteServerCertificate DeleteServiceLinkedRole DisableOrganizationsRootCredentialsManagement
		DisableOrganizationsRootSessions DisableOutboundWebIdentityFederation
		EnableOrganizationsRootCredentialsManagement EnableOrganizationsRootSessions
		EnableOutboundWebIdentityFederation GenerateOrganizationsAccessReport GenerateServiceLastAccessedDetails
		GetAccountProperties GetDelegationRequest GetHumanReadableSummary GetInstanceProfile GetOpenIDConnectProvider
		GetOrganizationsAccessReport GetOutboundWebIdentityFederationInfo GetSAMLProvider GetServerCertificate
		GetServiceLastAccessedDetails GetServiceLastAccessedDetailsWithEntities GetServiceLinkedRoleDeletionStatus
		GetRoleTemplateVersion PutAccountProperties
		ListDelegationRequests ListInstanceProfileTags ListOpenIDConnectProviderTags ListOrganizationsFeatures
		ListPoliciesGrantingServiceAccess ListSAMLProviderTags ListServerCertificateTags RejectDelegationRequest
		RemoveClientIDFromOpenIDConnectProvider RemoveRoleFromInstanceProfile SendDelegationToken
		SetSecurityTokenServicePreferences TagInstanceProfile TagOpenIDConnectProvider TagSAMLProvider
		TagServerCertificate UntagInstanceProfile UntagOpenIDConnectProvider UntagSAMLProvider UntagServerCertificate
		UpdateDelegationRequest UpdateOpenIDConnectProviderThumbprint UpdateSAMLProvider UpdateServerCertificate
		UploadServerCertificate`),
	"sts": strings.Fields(`
		AssumeRoot GetDelegatedAccessToken GetWebIdentityToken`),
}

// Lacks reports whether the real service, "iam" or "sts", has an operation that the lab does not have.
func Lacks(service, action string) bool { return slices.Contains(lacking[service], action) }
