package iam

import (
	"encoding/json"

	"github.com/mfalab/mfalab/sim/iam/policy"
)

// accountOperations are the operations on the account as a whole.
var accountOperations = []*operation{
	{service: "iam", name: "CreateAccountAlias", writes: true, run: (*operating).createAccountAlias, params: []param{
		{"AccountAlias", accountAliasShape, true}}},
	{service: "iam", name: "DeleteAccountAlias", writes: true, run: (*operating).deleteAccountAlias, params: []param{
		{"AccountAlias", accountAliasShape, true}}},
	{service: "iam", name: "ListAccountAliases", run: (*operating).listAccountAliases, params: []param{
		{"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
	{service: "iam", name: "GetAccountSummary", run: (*operating).getAccountSummary},
	{service: "iam", name: "GenerateCredentialReport", writes: true, run: (*operating).generateCredentialReport},
	{service: "iam", name: "GetCredentialReport", run: (*operating).getCredentialReport},
}

// createAccountAlias gives the account its one alias; another one replaces it. The alias is part of the sign-in address
// (console_account-alias), and there is no other account here that could have it already: only the account itself.
func (o *operating) createAccountAlias() (any, error) {
	alias := o.param("AccountAlias")
	if alias == o.account.Alias {
		return nil, o.refuse("AliasExists", alias)
	}
	o.account.Alias = alias
	return nil, o.putAccount()
}

// deleteAccountAlias implements DeleteAccountAlias, which has to name the alias that it deletes.
func (o *operating) deleteAccountAlias() (any, error) {
	alias := o.param("AccountAlias")
	if alias != o.account.Alias {
		return nil, o.refuse("NoSuchAlias", alias)
	}
	o.account.Alias = ""
	return nil, o.putAccount()
}

type listAccountAliasesResult struct {
	AccountAliases list[string]
	tail
}

// listAccountAliases implements ListAccountAliases: a list of one at most, with everything that lists have.
func (o *operating) listAccountAliases() (any, error) {
	var aliases []string
	if o.account.Alias != "" {
		aliases = append(aliases, o.account.Alias)
	}
	aliases, end, err := page(o, aliases, func(alias string) string { return alias })
	return listAccountAliasesResult{list[string]{aliases}, end}, err
}

// A summaryEntry is one entry of the account's summary.
type summaryEntry struct {
	Key   string `xml:"key"`
	Value int    `xml:"value"`
}

// summaryResult is the answer of GetAccountSummary.
type summaryResult struct {
	SummaryMap []summaryEntry `xml:"SummaryMap>entry"`
}

// getAccountSummary answers with every key that the real service was recorded to have, in alphabetical order; what this
// account cannot have is zero. AccountMFAEnabled is about root alone, which checks of an account's hygiene rely on: a fob of a user
// changes MFADevices and MFADevicesInUse and never that (API_GetAccountSummary).
func (o *operating) getAccountSummary() (any, error) {
	root, err := userWithID(o.Tx, Root)
	if err != nil {
		return nil, err
	}
	devices, inUse, err := countDevices(o.Tx)
	if err != nil {
		return nil, err
	}
	versions, err := countVersions(o.Tx)
	if err != nil {
		return nil, err
	}
	certificates, err := belongingsOf[certificate](o.Tx, kindCertificate, Root)
	if err != nil {
		return nil, err
	}
	return summaryResult{[]summaryEntry{
		{"AccessKeysPerUserQuota", accessKeysPerUser},
		{"AccountAccessKeysPresent", one(len(root.AccessKeys) > 0)},
		{"AccountMFAEnabled", one(len(root.Devices) > 0)},
		{"AccountPasswordPresent", one(root.LoginProfile != nil)},
		{"AccountSigningCertificatesPresent", one(len(certificates) > 0)},
		{"AssumeRolePolicySizeQuota", int(policy.TrustPolicy)},
		{"AttachedPoliciesPerGroupQuota", attachedQuota},
		{"AttachedPoliciesPerRoleQuota", attachedQuota},
		{"AttachedPoliciesPerUserQuota", attachedQuota},
		{"GlobalEndpointTokenVersion", 1},
		{"GroupPolicySizeQuota", int(policy.InlineGroup)},
		{"Groups", o.account.Groups},
		{"GroupsPerUserQuota", groupsPerUser},
		{"GroupsQuota", groupsQuota},
		{"InstanceProfiles", 0},
		{"InstanceProfilesQuota", 1000},
		{"MFADevices", devices},
		{"MFADevicesInUse", inUse},
		{"Policies", o.account.Policies},
		{"PoliciesQuota", policiesQuota},
		{"PolicySizeQuota", int(policy.Managed)},
		{"PolicyVersionsInUse", versions},
		{"PolicyVersionsInUseQuota", 10000},
		{"Providers", 0},
		{"RolePolicySizeQuota", int(policy.InlineRole)},
		{"Roles", o.account.Roles},
		{"RolesQuota", rolesQuota},
		{"ServerCertificates", 0},
		{"ServerCertificatesQuota", 20},
		{"SigningCertificatesPerUserQuota", certificatesPerUser},
		{"UserPolicySizeQuota", int(policy.InlineUser)},
		{"Users", o.account.Users},
		{"UsersQuota", usersQuota},
		{"VersionsPerPolicyQuota", versionsQuota},
	}}, nil
}

// countDevices counts the devices of the account, and those that somebody has. A fob in the factory's inventory is not the
// account's before it is enabled.
func countDevices(tx Tx) (devices, inUse int, err error) {
	records, err := tx.Scan(kindDevice, "", "", 0)
	for _, r := range records {
		var d device
		if err := json.Unmarshal(r.Value, &d); err != nil {
			return 0, 0, damaged(kindDevice, r.Key, err)
		}
		devices += one(d.Virtual || d.UserID != "")
		inUse += one(d.UserID != "")
	}
	return devices, inUse, err
}

// countVersions counts the versions of the account's own managed policies.
func countVersions(tx Tx) (n int, err error) {
	records, err := tx.Scan(kindPolicy, "", "", 0)
	for _, r := range records {
		var p ManagedPolicy
		if err := json.Unmarshal(r.Value, &p); err != nil {
			return 0, damaged(kindPolicy, r.Key, err)
		}
		n += len(p.Versions)
	}
	return n, err
}

// one is how the summary counts what is there or not.
func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
