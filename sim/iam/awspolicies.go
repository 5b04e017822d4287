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

// awsRows are those that are kept here. Documents, default versions and dates are as AWS published them in May 2026: they were
// compared with the list that moto 5.2.1 takes from an account (moto/iam/aws_managed_policies.py). The IDs, which never change,
// are those that published listings of accounts have (github.com/tenchi-security/camp, github.com/wallix/awless); descriptions
// are those of the AWS Managed Policy Reference Guide.
var awsRows = []struct{ id, path, name, description, version, created, updated string }{
	{"ANPAIWMBCKSKIEE64ZLYK", "/", "AdministratorAccess", "Provides full access to AWS services and resources.",
		"v1", "2015-02-06T18:39:46Z", "2015-02-06T18:39:46Z"},
	{"ANPAI3VAJF5ZCRZ7MCQE6", "/", "AmazonEC2FullAccess", "Provides full access to Amazon EC2 via the AWS Management Console.",
		"v5", "2015-02-06T18:40:15Z", "2018-11-27T02:16:56Z"},
	{"ANPAIGDT4SV4GSETWTBZK", "/", "AmazonEC2ReadOnlyAccess", "Provides read only access to Amazon EC2 via the AWS Management Console.",
		"v5", "2015-02-06T18:40:17Z", "2026-02-12T18:03:17Z"},
	{"ANPAIFIR6V6BVTRAHWINE", "/", "AmazonS3FullAccess", "Provides full access to all buckets via the AWS Management Console.",
		"v2", "2015-02-06T18:40:58Z", "2021-09-27T20:16:37Z"},
	{"ANPAIZTJ4DXE7G6AGAE6M", "/", "AmazonS3ReadOnlyAccess", "Provides read only access to all buckets via the AWS Management Console.",
		"v3", "2015-02-06T18:40:59Z", "2023-08-10T21:31:39Z"},
	{"ANPAZKAPJZG4OGLRVUGKM", "/", "AWSCloudTrail_ReadOnlyAccess", "Provides read only access to AWS CloudTrail.",
		"v1", "2022-06-14T17:19:05Z", "2022-06-14T17:19:05Z"},
	{"ANPAJACNSXR7Z2VLJW3D6", "/", "AWSCodeCommitReadOnly", "Provides read only access to AWS CodeCommit via the AWS Management Console.",
		"v14", "2015-07-09T17:05:06Z", "2026-02-12T18:00:25Z"},
	{"ANPAI7XKCFMBPM3QQRRVQ", "/", "IAMFullAccess", "Provides full access to IAM via the AWS Management Console.",
		"v2", "2015-02-06T18:40:38Z", "2019-06-21T19:40:00Z"},
	{"ANPAJKSO7NDY4T57MWDSQ", "/", "IAMReadOnlyAccess", "Provides read only access to IAM via the AWS Management Console.",
		"v4", "2015-02-06T18:40:39Z", "2018-01-25T19:11:27Z"},
	{"ANPAI4VT74EMXK2PMQJM2", "/", "IAMSelfManageServiceSpecificCredentials", "Allows an IAM user to manage their own Service Specific Credentials.",
		"v1", "2016-12-22T17:25:18Z", "2016-12-22T17:25:18Z"},
	{"ANPAJ4L4MM2A7QIEB56MS", "/", "IAMUserChangePassword", "Provides the ability for an IAM user to change their own password.",
		"v5", "2016-11-15T00:25:16Z", "2026-02-12T17:58:57Z"},
	{"ANPAJTSHUA4UXGXU7ANUA", "/", "IAMUserSSHKeys", "Provides the ability for an IAM user to manage their own SSH keys.",
		"v1", "2015-07-09T17:08:54Z", "2015-07-09T17:08:54Z"},
	{"ANPAJYRXTHIB4FOVS3ZXS", "/", "PowerUserAccess", "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
		"v12", "2015-02-06T18:39:47Z", "2026-02-12T17:59:14Z"},
	{"ANPAILL3HVNFSB6DCOWYQ", "/", "ReadOnlyAccess", "Provides read-only access to AWS services and resources.",
		"v182", "2015-02-06T18:39:48Z", "2026-04-03T15:27:12Z"},
	{"ANPAIX2T3QCXHR2OGGCTO", "/", "SecurityAudit", "The security audit template grants access to read security configuration metadata. It is useful for software that audits the configuration of an AWS account.",
		"v86", "2015-02-06T18:41:01Z", "2026-05-01T03:12:13Z"},
}

// awsPolicies is awsRows with their documents, by ARN.
var awsPolicies = func() map[string]*awsPolicy {
	m := map[string]*awsPolicy{}
	for _, row := range awsRows {
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
