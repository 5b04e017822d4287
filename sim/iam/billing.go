package iam

// billingOperations are what the console shows of money: nothing but whether one may see it (IAM User Guide,
// tutorial_billing). Root decides for the account whether policies count there at all.
var billingOperations = []*operation{
	{service: "signin", name: "SetBillingAccess", writes: true, run: (*operating).setBillingAccess, params: []param{{"Enabled", boolValueShape, true}}},
	{service: "signin", name: "ViewBilling", run: (*operating).viewBilling},
}

// A Billing is the answer of who may see the bills.
type Billing struct {
	Access bool // IAM users and roles see them, too, if their policies let them
}

// setBillingAccess lets IAM users at the bills, or not. Only root may.
func (o *operating) setBillingAccess() (any, error) {
	if !o.Caller.IsRoot() {
		return nil, o.refuse("BillingRootOnly")
	}
	o.account.BillingAccess = o.param("Enabled") == "true"
	return &Billing{o.account.BillingAccess}, o.putAccount()
}

// viewBilling refuses who may not see the bills.
func (o *operating) viewBilling() (any, error) {
	if o.Caller.IsRoot() {
		return &Billing{o.account.BillingAccess}, nil
	}
	if !o.account.BillingAccess {
		return nil, o.refuse("BillingOff")
	}
	return &Billing{true}, o.authorize("aws-portal:ViewBilling", target{arn: "*"})
}
