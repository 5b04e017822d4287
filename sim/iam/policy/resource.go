package policy

import (
	"fmt"
	"slices"
	"strings"
)

// A badResource is the first resource of a document that has no right form, and why.
type badResource struct {
	fault     fault
	statement int
	args      []any
}

func (f *badResource) refuse(kind Kind) *Error {
	return refuse(kind, f.fault, fmt.Sprintf("%s has the resource %q", ordinal(f.statement), f.args[0]), f.args...)
}

// firstBadResource looks at the resources in their order; the first that is wrong decides the answer, even where a later
// one would be refused sooner (recorded).
func firstBadResource(d *Document) *badResource {
	for i := range d.Statements {
		for _, r := range d.Statements[i].Resources {
			if f, args := resourceFault(r, d.Version == Version2012); f != none {
				return &badResource{f, i, append([]any{r}, args...)}
			}
		}
	}
	return nil
}

// none says that there is no fault.
const none fault = 255

// partitions are the names that the second field of an ARN may have (User Guide, "IAM ARNs").
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "aws*", "*"}

// iamPaths are what the last field of an ARN of IAM begins with (recorded in the text of iamPath).
var iamPaths = []string{"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/"}

// resourceFault judges one resource. The first field is taken for "arn" whatever it is, and fields that are missing at the
// end for "*" (both recorded).
func resourceFault(resource string, variables bool) (fault, []any) {
	if resource == "*" {
		return none, nil
	}
	fields := splitARN(resource, variables)
	if len(fields) == 1 {
		return notARN, nil
	}
	n := len(fields)
	for len(fields) < 6 {
		fields = append(fields, "*")
	}
	partition, vendor, region, path := fields[1], fields[2], fields[3], fields[5]
	switch {
	case !slices.Contains(partitions, partition):
		return badPartition, []any{partition, "arn:" + strings.Join(fields[1:], ":")}
	case n == 2:
		return badVendor, nil
	case n < 6 && strings.Contains(resource, "::"), vendor == "":
		return failedLegacy, nil
	case strings.ContainsAny(vendor, "*?"):
		return badVendor, nil
	case vendor == "iam" && n > 3 && region != "":
		return iamRegion, nil
	case vendor == "s3" && n > 3 && region != "" && fields[4] == "": // access points and jobs have region and account
		return s3Region, nil
	case vendor == "iam" && path != "*" && path != "root" &&
		!slices.ContainsFunc(iamPaths, func(p string) bool { return strings.HasPrefix(path, p) }):
		return iamPath, nil
	}
	return none, nil
}
