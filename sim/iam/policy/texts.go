package policy

// A fault is one thing that can be wrong with a document.
type fault byte

const (
	badJSON fault = iota
	badSyntax
	unknownElement
	unknownVersion
	oldVersion
	prohibitedPrincipal
	prohibitedElement
	missingPrincipal
	missingEffect
	failedLegacy
	sidTwice
	sidLetters
	noActions
	noResources
	notARN
	badPartition
	badVendor
	iamRegion
	s3Region
	iamPath
	actionNoVendor
	actionVendor
	actionColons
	trustActions
	badPrincipal
	badOperator
	tooLong
	tooLarge
	tooLargeInline
	tooLargeTrust
	tooLargeBucket
)

// A text is what the real service says to a fault: in documents of identities, and, where it differs, in those of
// resources and roles, which it reads with another parser.
type text struct {
	identity     string
	known        byte // R recorded (AWS MFA, Appendix B), S seen by users, K believed
	granted      string
	grantedKnown byte
	code         string // where it is not MalformedPolicyDocument
	status       int
}

// texts has the answers. What is K or S may be corrected here, and nowhere else.
var texts = [...]text{
	badJSON:             {"Syntax errors in policy.", 'R', "This policy contains invalid Json", 'R', "", 0},
	badSyntax:           {"Syntax errors in policy.", 'R', "Syntax errors in policy.", 'K', "", 0},
	unknownElement:      {"Syntax errors in policy.", 'R', "Unknown field {1}", 'S', "", 0},
	unknownVersion:      {"Syntax errors in policy.", 'R', "The policy must contain a valid version string", 'S', "", 0},
	oldVersion:          {"Policy document must be version 2012-10-17 or greater.", 'R', "", 0, "", 0},
	prohibitedPrincipal: {"Policy document should not specify a principal.", 'S', "", 0, "", 0},
	prohibitedElement:   {"Has prohibited field {1}", 'R', "", 0, "", 0},
	missingPrincipal:    {"Missing required field Principal", 'S', "", 0, "", 0},
	missingEffect:       {"Syntax errors in policy.", 'R', "Missing required field Effect", 'S', "", 0},
	failedLegacy:        {"The policy failed legacy parsing", 'R', "Syntax errors in policy.", 'K', "", 0},
	sidTwice:            {"Statement IDs (SID) in a single policy must be unique.", 'R', "", 0, "", 0},
	sidLetters: {"Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
		'S', "", 0, "", 0},
	noActions:    {"Policy statement must contain actions.", 'R', "Missing required field Action", 'S', "", 0},
	noResources:  {"Policy statement must contain resources.", 'R', "Missing required field Resource", 'S', "", 0},
	notARN:       {"Resource {1} must be in ARN format or \"*\".", 'R', "Policy has invalid resource", 'S', "", 0},
	badPartition: {"Partition \"{2}\" is not valid for resource \"{3}\".", 'R', "Policy has invalid resource", 'S', "", 0},
	badVendor:    {"Resource vendor must be fully qualified and cannot contain regexes.", 'R', "Policy has invalid resource", 'S', "", 0},
	iamRegion:    {"IAM resource {1} cannot contain region information.", 'R', "Policy has invalid resource", 'S', "", 0},
	s3Region:     {"Resource {1} can not contain region information.", 'R', "Policy has invalid resource", 'S', "", 0},
	iamPath: {"IAM resource path must either be \"*\", root, or start with user/, federated-user/, role/, group/, instance-profile/, " +
		"mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.", 'R',
		"Policy has invalid resource", 'S', "", 0},
	actionNoVendor: {"Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", 'R', "Policy has invalid action", 'S', "", 0},
	actionVendor:   {"Vendor {1} is not valid", 'R', "Policy has invalid action", 'S', "", 0},
	actionColons:   {"Actions/Condition can contain only one colon.", 'R', "Policy has invalid action", 'S', "", 0},
	trustActions:   {"AssumeRole policy may only specify STS AssumeRole actions.", 'R', "", 0, "", 0},
	badPrincipal:   {"Invalid principal in policy: \"{1}\":\"{2}\"", 'S', "", 0, "", 0},
	badOperator:    {"Syntax errors in policy.", 'R', "Invalid Condition type : {1}", 'S', "", 0},
	tooLong: {"1 validation error detected: Value at 'policyDocument' failed to satisfy constraint: " +
		"Member must have length less than or equal to 131072", 'K', "", 0, "ValidationError", 400},
	tooLarge:       {"Cannot exceed quota for PolicySize: {1}", 'S', "", 0, "LimitExceeded", 409},
	tooLargeInline: {"Maximum policy size of {1} bytes exceeded for {2} {3}", 'S', "", 0, "LimitExceeded", 409},
	tooLargeTrust:  {"Cannot exceed quota for ACLSizePerRole: {1}", 'S', "", 0, "LimitExceeded", 409},
	tooLargeBucket: {"Policies must not exceed {1} bytes", 'K', "", 0, "PolicyTooLarge", 400},
}
