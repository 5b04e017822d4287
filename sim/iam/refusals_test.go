package iam_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mfalab/mfalab/sim/iam"
)

// office is an account in which most things are there already: user Bob with a password, two keys and 50 tags, Eve with
// nothing, the alias lab.
func office(t testing.TB) *clerk {
	c := newClerk(t)
	c.must("CreateUser", append(manyTags(0, 50), "UserName", "Bob", "Path", "/ops/")...)
	c.must("CreateUser", "UserName", "eve")
	c.must("CreateLoginProfile", "UserName", "bob", "Password", "correct horse")
	c.must("CreateAccessKey", "UserName", "bob")
	c.must("CreateAccessKey", "UserName", "bob")
	c.must("CreateAccountAlias", "AccountAlias", "lab")
	return c
}

// constraint words violations as the service does.
func constraint(violations ...string) string {
	noun := "errors"
	if len(violations) == 1 {
		noun = "error"
	}
	for i, v := range violations {
		at, what, _ := strings.Cut(v, " ")
		violations[i] = fmt.Sprintf("Value at '%s' failed to satisfy constraint: %s", at, what)
	}
	return fmt.Sprintf("400 ValidationError %d validation %s detected: %s", len(violations), noun, strings.Join(violations, "; "))
}

const (
	namePattern = `Member must satisfy regular expression pattern: [\w+=,.@-]+`
	tagPattern  = `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`
	badPath     = "400 ValidationError The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."
	duplicates  = "400 InvalidInput Duplicate tag keys found. Please note that Tag keys are case insensitive."
	noUser      = "404 NoSuchEntity The user with name ghost cannot be found."
	example     = "AKIAIOSFODNN7EXAMPLE"
)

// The tuples recorded from the real service (Appendix B) that concern users, keys and the account, and our own, byte for
// byte: operation, parameters, then status, code and text.
var refusals = []struct {
	name   string
	action string
	params []string
	want   string
}{
	{"nobody of that name", "GetUser", []string{"UserName", "ghost"}, noUser},
	{"nobody to rename", "UpdateUser", []string{"UserName", "ghost", "NewUserName", "bob"}, noUser},
	{"nobody to delete", "DeleteUser", []string{"UserName", "ghost"}, noUser},
	{"nobody to tag", "TagUser", []string{"UserName", "ghost", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v"}, noUser},
	{"nobody to untag", "UntagUser", []string{"UserName", "ghost", "TagKeys.member.1", "k"}, noUser},
	{"nobody with tags", "ListUserTags", []string{"UserName", "ghost"}, noUser},
	{"nobody to let in", "CreateLoginProfile", []string{"UserName", "ghost", "Password", "x"}, noUser},
	{"nobody's password", "GetLoginProfile", []string{"UserName", "ghost"}, noUser},
	{"nobody's password to change", "UpdateLoginProfile", []string{"UserName", "ghost", "Password", "x"}, noUser},
	{"nobody's password to delete", "DeleteLoginProfile", []string{"UserName", "ghost"}, noUser},
	{"nobody to get a key", "CreateAccessKey", []string{"UserName", "ghost"}, noUser},
	{"nobody's key to change", "UpdateAccessKey", []string{"UserName", "ghost", "AccessKeyId", example, "Status", "Active"}, noUser},
	{"nobody's key to delete", "DeleteAccessKey", []string{"UserName", "ghost", "AccessKeyId", example}, noUser},
	{"nobody's keys", "ListAccessKeys", []string{"UserName", "ghost"}, noUser},

	{"a name that is taken", "CreateUser", []string{"UserName", "eve"}, "409 EntityAlreadyExists User with name eve already exists."},
	{"a name taken in other letters", "CreateUser", []string{"UserName", "bOB"}, "409 EntityAlreadyExists User with name bOB already exists."},
	{"a new name that is taken", "UpdateUser", []string{"UserName", "eve", "NewUserName", "BOB"}, "409 EntityAlreadyExists User with name BOB already exists."},
	{"no name", "CreateUser", nil, constraint("userName Member must not be null")},
	{"an empty name", "CreateUser", []string{"UserName", ""}, constraint("userName "+namePattern, "userName Member must have length greater than or equal to 1")},
	{"a name with a space", "CreateUser", []string{"UserName", "a b"}, constraint("userName " + namePattern)},
	{"a name that is not ASCII", "GetUser", []string{"UserName", "ünal"}, constraint("userName " + namePattern)},
	{"a name twice: the first counts", "GetUser", []string{"UserName", "ghost", "UserName", "eve"}, noUser},
	{"a path without its first slash", "CreateUser", []string{"UserName", "x", "Path", "ops/"}, badPath},
	{"a path without its last slash", "CreateUser", []string{"UserName", "x", "Path", "/ops"}, badPath},
	{"a path with a space", "CreateUser", []string{"UserName", "x", "Path", "/a b/"}, badPath},
	{"a new path that is none", "UpdateUser", []string{"UserName", "eve", "NewUserName", "eva", "NewPath", "//x"}, badPath},
	{"a prefix that is none", "ListUsers", []string{"PathPrefix", "ops"}, constraint(`pathPrefix Member must satisfy regular expression pattern: \u002F[\u0021-\u007F]*`)},
	{"a boundary that is no ARN", "CreateUser", []string{"UserName", "x", "PermissionsBoundary", "arn:aws:iam::123456789012:not_a_policy/invalid"},
		"400 InvalidInput ARN arn:aws:iam::123456789012:not_a_policy/invalid is not valid."},
	{"a boundary that is not there", "CreateUser", []string{"UserName", "x", "PermissionsBoundary", "arn:aws:iam::123456789012:policy/nonexistent-policy"},
		"404 NoSuchEntity Scope ARN: arn:aws:iam::123456789012:policy/nonexistent-policy does not exist or is not attachable."},
	{"a marker that is none", "ListUsers", []string{"Marker", "no-marker"}, "400 ValidationError Invalid Marker."},
	{"a page of letters", "ListUsers", []string{"MaxItems", "ten"}, "400 MalformedInput Invalid number for parameter MaxItems"},

	{"a tag without a value", "TagUser", []string{"UserName", "eve", "Tags.member.1.Key", "a"}, constraint("tags.1.member.value Member must not be null")},
	{"a tag without a key", "CreateUser", []string{"UserName", "x", "Tags.member.1.Value", "a"}, constraint("tags.1.member.key Member must not be null")},
	{"a tag without a value among others", "TagUser", append(tags("a", "", "b", ""), "UserName", "eve", "Tags.member.3.Key", "é!"),
		constraint(`tags.3.member.key Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`, "tags.3.member.value Member must not be null")},
	{"too many tags at once", "CreateUser", append(manyTags(0, 51), "UserName", "x"), constraint("tags Member must have length less than or equal to 50")},
	{"one tag too many", "TagUser", append(manyTags(50, 1), "UserName", "bob"), "409 LimitExceeded The number of tags has reached the maximum limit."},
	{"no tags", "TagUser", []string{"UserName", "bob"}, constraint("tags Member must not be null")},
	{"two tags of one key", "CreateUser", append(tags("Team", "a", "tEAM", "b"), "UserName", "x"), duplicates},
	{"two tags of one key, later", "TagUser", append(tags("Team", "a", "tEAM", "b"), "UserName", "eve"), duplicates},
	{"a tag of the service's own", "TagUser", append(tags("AWS:x", "a"), "UserName", "eve"), "400 InvalidInput Tag keys that begin with aws: are reserved for system use."},
	{"a tag with a forbidden sign", "TagUser", append(tags("k!", ""), "UserName", "eve"), constraint("tags.1.member.key " + tagPattern)},
	{"too many keys to untag", "UntagUser", append(manyKeys(51), "UserName", "eve"), constraint("tagKeys Member must have length less than or equal to 50")},
	{"a key to untag that is none", "UntagUser", []string{"UserName", "eve", "TagKeys.member.1", "k!"},
		constraint("tagKeys Member must satisfy constraint: [Member must have length less than or equal to 128, " +
			"Member must have length greater than or equal to 1, " + tagPattern + ", Member must not be null]")},

	{"a second password", "CreateLoginProfile", []string{"UserName", "bob", "Password", "x"}, "409 EntityAlreadyExists Login Profile for user Bob already exists."},
	{"no password to see", "GetLoginProfile", []string{"UserName", "eve"}, "404 NoSuchEntity Login Profile for User eve cannot be found."},
	{"no password to change", "UpdateLoginProfile", []string{"UserName", "eve"}, "404 NoSuchEntity Login Profile for User eve cannot be found."},
	{"no password to delete", "DeleteLoginProfile", []string{"UserName", "eve"}, "404 NoSuchEntity Login Profile for User eve cannot be found."},
	{"a password not settled", "DeleteLoginProfile", []string{"UserName", "bob"},
		"409 EntityTemporarilyUnmodifiable Login Profile for User Bob cannot be modified while login profile is being created."},
	{"a user without any password", "CreateLoginProfile", []string{"UserName", "eve"}, constraint("password Member must not be null")},
	{"a password of other signs", "CreateLoginProfile", []string{"UserName", "eve", "Password", "日本"},
		constraint(`password Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`)},
	{"neither true nor false", "CreateLoginProfile", []string{"UserName", "eve", "Password", "x", "PasswordResetRequired", "True"}, "400 MalformedInput Invalid boolean for parameter PasswordResetRequired"},
	{"root's own password", "GetLoginProfile", nil, "400 ValidationError Must specify userName when calling with non-User credentials"},

	{"a third key", "CreateAccessKey", []string{"UserName", "bob"}, "409 LimitExceeded Cannot exceed quota for AccessKeysPerUser: 2"},
	{"no such key to change", "UpdateAccessKey", []string{"UserName", "bob", "AccessKeyId", example, "Status", "Active"}, "404 NoSuchEntity The Access Key with id " + example + " cannot be found."},
	{"no such key to delete", "DeleteAccessKey", []string{"UserName", "bob", "AccessKeyId", example}, "404 NoSuchEntity The Access Key with id " + example + " cannot be found."},
	{"a status that is none", "UpdateAccessKey", []string{"UserName", "bob", "AccessKeyId", example, "Status", "active"}, constraint("status Member must satisfy enum value set")},
	{"a foreign key", "GetAccessKeyLastUsed", []string{"AccessKeyId", example},
		"403 AccessDenied User: arn:aws:iam::123456789012:root is not authorized to perform iam:GetAccessKeyLastUsed on resource: access key " + example},
	{"a key with hyphens", "DeleteAccessKey", []string{"UserName", "bob", "AccessKeyId", "totally-wrong-id-with-hyphens"},
		constraint(`accessKeyId Member must satisfy regular expression pattern: [\w]+`)},
	{"three things at once", "UpdateAccessKey", []string{"UserName", "b b", "AccessKeyId", "short"},
		constraint("userName "+namePattern, "accessKeyId Member must have length greater than or equal to 16", "status Member must not be null")},

	{"the alias that it has", "CreateAccountAlias", []string{"AccountAlias", "lab"}, "409 EntityAlreadyExists The account alias lab already exists."},
	{"an alias that it has not", "DeleteAccountAlias", []string{"AccountAlias", "other"}, "404 NoSuchEntity The account alias other cannot be found."},
	{"an alias with two hyphens", "CreateAccountAlias", []string{"AccountAlias", "a--b"},
		constraint(`accountAlias Member must satisfy regular expression pattern: ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`)},
	{"no report yet", "GetCredentialReport", nil, "410 ReportNotPresent "},
	{"an operation that there is not", "CreateUsers", nil, "400 InvalidAction Could not find operation CreateUsers for version 2010-05-08"},
}

func manyKeys(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("TagKeys.member.%d", i+1), fmt.Sprint("key", i))
	}
	return out
}

func TestRefusals(t *testing.T) {
	c := office(t)
	for _, r := range refusals {
		t.Run(r.name+" is refused", func(t *testing.T) {
			e := c.refused(r.action, r.params...)
			require.Equal(t, r.want, fmt.Sprint(e.Status, " ", e.Code, " ", e.Message))
			require.Equal(t, e.Message == "", e.NoMessage)
			require.NotEmpty(t, e.Rule)
			require.NotEmpty(t, e.Section)
		})
	}
	t.Run("an expired key status is refused", func(t *testing.T) {
		id := fields(c.must("ListAccessKeys", "UserName", "bob"), "AccessKeyId")[0]
		e := c.refused("UpdateAccessKey", "UserName", "bob", "AccessKeyId", id, "Status", "Expired")
		require.Equal(t, "InvalidInput: The status Expired cannot be set.", e.Error())
	})
	t.Run("a caller who is no user has to name one", func(t *testing.T) {
		c.edit("role", "r", func(r map[string]any) {
			maps.Copy(r, map[string]any{"id": "AROAEXAMPLE", "name": "r", "path": "/",
				"attached": []string{"arn:aws:iam::aws:policy/AdministratorAccess"}})
		})
		require.NoError(t, c.store.Update(t.Context(), func(tx iam.Tx) error { return tx.Put("roleid", "AROAEXAMPLE", []byte("r")) }))
		role := *c
		role.caller = iam.Caller{UserID: "AROAEXAMPLE:me", ARN: "arn:aws:sts::123456789012:assumed-role/r/me"}
		for _, action := range []string{"GetUser", "CreateAccessKey", "ListAccessKeys", "GetLoginProfile", "DeleteLoginProfile"} {
			e := role.refused(action)
			require.Equal(t, "400 ValidationError Must specify userName when calling with non-User credentials",
				fmt.Sprint(e.Status, " ", e.Code, " ", e.Message))
		}
	})
}

// Each limit holds at its least and its most, and one beyond either is refused with the constraint's words.
func TestLimits(t *testing.T) {
	c := office(t)
	id := fields(c.must("ListAccessKeys", "UserName", "bob"), "AccessKeyId")[0]
	text := func(n int) string { return strings.Repeat("x", n) }
	path := func(n int) string { return strings.Repeat("/x", n)[:n-1] + "/" }
	for _, l := range []struct {
		action   string
		params   []string
		name     string // the parameter, and as violations call it
		at       string
		value    func(int) string
		min, max int    // 0: the shorter one breaks another rule
		accepts  string // code of the answer to a value inside the limits, "" for success
	}{
		{"CreateUser", nil, "UserName", "userName", text, 1, 64, ""},
		{"UpdateUser", []string{"UserName", "eve"}, "NewUserName", "newUserName", text, 1, 64, ""},
		{"GetUser", nil, "UserName", "userName", text, 1, 128, "NoSuchEntity"},
		{"CreateLoginProfile", []string{"Password", "x"}, "UserName", "userName", text, 1, 64, "NoSuchEntity"},
		{"CreateUser", []string{"UserName", "paths"}, "Path", "path", path, 0, 512, ""},
		{"UpdateUser", []string{"UserName", "bob"}, "NewPath", "newPath", path, 0, 512, ""},
		{"ListUsers", nil, "PathPrefix", "pathPrefix", func(n int) string { return strings.Repeat("/", n) }, 1, 512, ""},
		{"CreateUser", []string{"UserName", "bounds"}, "PermissionsBoundary", "permissionsBoundary", text, 20, 2048, "InvalidInput"},
		{"ListUsers", nil, "Marker", "marker", text, 1, 320, "ValidationError"},
		{"TagUser", []string{"UserName", "eve", "Tags.member.1.Value", "v"}, "Tags.member.1.Key", "tags.1.member.key", text, 1, 128, ""},
		{"TagUser", []string{"UserName", "eve", "Tags.member.1.Key", "k"}, "Tags.member.1.Value", "tags.1.member.value", text, 0, 256, ""},
		{"UpdateLoginProfile", []string{"UserName", "eve"}, "Password", "password", text, 1, 128, "NoSuchEntity"},
		{"DeleteAccessKey", nil, "AccessKeyId", "accessKeyId", text, 16, 128, "NoSuchEntity"},
		{"CreateAccountAlias", nil, "AccountAlias", "accountAlias", text, 3, 63, ""},
	} {
		ask := func(n int) *iam.Error {
			c := c.copy(t)
			before := c.dump()
			_, e := c.do(l.action, form(slices.Concat(l.params, []string{l.name, l.value(n)})...))
			if e != nil {
				require.Equal(t, before, c.dump())
			}
			return e
		}
		t.Run(l.action+" "+l.name, func(t *testing.T) {
			for _, n := range []int{max(l.min, 1), l.max} {
				e := ask(n)
				if l.accepts == "" {
					require.Nil(t, e, "%d is inside the limits", n)
				} else {
					require.Equal(t, l.accepts, e.Code)
					require.NotContains(t, e.Message, "constraint")
				}
			}
			require.Contains(t, ask(l.max+1).Message,
				fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", l.at, l.max))
			if l.min > 0 {
				require.Contains(t, ask(l.min-1).Message,
					fmt.Sprintf("Value at '%s' failed to satisfy constraint: Member must have length greater than or equal to %d", l.at, l.min))
			}
		})
	}
	for n, want := range map[string]string{"1": "", "1000": "", "0": "greater than or equal to 1", "1001": "less than or equal to 1000", "-1": "greater than or equal to 1"} {
		t.Run("MaxItems of "+n, func(t *testing.T) {
			_, e := c.do("ListUsers", form("MaxItems", n))
			if want == "" {
				require.Nil(t, e)
				return
			}
			require.Equal(t, constraint("maxItems Member must have value "+want), fmt.Sprint(e.Status, " ", e.Code, " ", e.Message))
		})
	}
	t.Run("every byte of an access key's ID counts", func(t *testing.T) {
		c.refused("DeleteAccessKey", "UserName", "bob", "AccessKeyId", id+"A")
	})
}

// FuzzCalls sends any form to any operation on users and the account: a refusal changes nothing, and the store never
// fails.
func FuzzCalls(f *testing.F) {
	for _, r := range refusals {
		f.Add(r.action, form(r.params...).Encode(), int64(60))
	}
	for _, action := range []string{"GetUser", "ListUsers", "CreateAccessKey", "ListAccessKeys", "GetAccountSummary",
		"GenerateCredentialReport", "ListAccountAliases"} {
		f.Add(action, "", int64(0))
	}
	f.Add("UpdateUser", "UserName=bob&NewUserName=Robert&NewPath=/x/", int64(9))
	f.Add("DeleteUser", "UserName=eve", int64(-9))
	f.Add("DeleteLoginProfile", "UserName=bob", int64(9))
	f.Add("UpdateLoginProfile", "UserName=bob&Password=x&PasswordResetRequired=true", int64(9))
	original := office(f)
	f.Fuzz(func(t *testing.T, action, query string, seconds int64) {
		params, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		c := original.copy(t)
		c.now = c.now.Add(time.Duration(seconds%1e6) * time.Second)
		before := c.dump()
		_, e := c.do(action, params)
		if e != nil {
			require.Equal(t, before, c.dump())
			require.NotEqual(t, "ServiceFailure", e.Code)
			require.NotEmpty(t, e.Status)
		}
		for _, user := range c.users() {
			require.Equal(t, user, field(c.must("GetUser", "UserName", user), "UserName"))
		}
	})
}

func (c *clerk) users() []string { return fields(c.must("ListUsers", "MaxItems", "1000"), "UserName") }
