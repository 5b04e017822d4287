package iam

import (
	"embed"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed awspolicies/*.json
var awsDocuments embed.FS

// An awsPolicy is one that AWS manages: every account has it, and none can change it.
type awsPolicy struct {
	ManagedPolicy
	text string
}

// awsPolicies is those that are kept here, by ARN: AWS Managed Policy Reference.
var awsPolicies = func() map[string]*awsPolicy {
	m := map[string]*awsPolicy{}
	for _, row := range []struct{ id, path, name, description, version, created, updated string }{
		{"ANPAIWMBCKSKIEE64ZLYK", "/", "AdministratorAccess", "Provides full access to AWS services and resources.",
			"v1", "2015-02-06T18:39:46Z", "2015-02-06T18:39:46Z"},
	} {
		text, err := awsDocuments.ReadFile("awspolicies/" + row.name + ".json")
		if err != nil {
			panic("iam: internal error: " + err.Error())
		}
		created, _ := time.Parse(time.RFC3339, row.created)
		updated, _ := time.Parse(time.RFC3339, row.updated)
		p := &awsPolicy{ManagedPolicy{ID: row.id, Name: row.name, Path: row.path, Description: row.description, Created: created,
			Updated: updated, Default: row.version, Versions: []PolicyVersion{{row.version, updated}}}, string(text)}
		m[p.arn("aws")] = p
	}
	return m
}()

// awsPolicyNames are the ARNs of awsPolicies by name.
var awsPolicyNames = slices.SortedFunc(maps.Keys(awsPolicies), func(a, b string) int {
	return strings.Compare(lower(awsPolicies[a].Name), lower(awsPolicies[b].Name))
})
