package iam

import (
	"encoding/base64"
	"fmt"
	"slices"
)

// credentialServices take service-specific credentials: id_credentials_service-specific-creds. Amazon Bedrock, which takes
// keys of another form, is not among them here.
var credentialServices = []string{"cassandra.amazonaws.com", "codecommit.amazonaws.com"}

// serviceCredentialOperations are the operations on service-specific credentials: a name and a password of their own for Git
// over HTTPS, or for Amazon Keyspaces. In a policy they are of interest because they are good without MFA for ever.
var serviceCredentialOperations = []*operation{
	{service: "iam", name: "CreateServiceSpecificCredential", on: onUser, writes: true, run: (*operating).createServiceCredential,
		params: []param{{"UserName", userNameShape, true}, {"ServiceName", shape{}, true}}},
	{service: "iam", name: "ResetServiceSpecificCredential", on: onUser, writes: true, run: (*operating).resetServiceCredential,
		params: []param{{"UserName", userNameShape, false}, {"ServiceSpecificCredentialId", serviceCredentialIDShape, true}}},
	{service: "iam", name: "UpdateServiceSpecificCredential", on: onUser, writes: true, run: (*operating).updateServiceCredential,
		params: []param{{"UserName", userNameShape, false}, {"ServiceSpecificCredentialId", serviceCredentialIDShape, true},
			{"Status", keyStatusShape, true}}},
	{service: "iam", name: "DeleteServiceSpecificCredential", on: onUser, writes: true, run: (*operating).deleteServiceCredential,
		params: []param{{"UserName", userNameShape, false}, {"ServiceSpecificCredentialId", serviceCredentialIDShape, true}}},
	{service: "iam", name: "ListServiceSpecificCredentials", on: onUser, run: (*operating).listServiceCredentials, params: []param{
		{"UserName", userNameShape, false}, {"ServiceName", shape{}, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
}

// serviceCredential is the record of a service-specific credential. Nothing ever asks for its password, and so the
// account does not keep it.
type serviceCredential struct {
	belonging
	Service string `json:"service"`
	Name    string `json:"name"` // ServiceUserName
}

// serviceCredentialXML is a service-specific credential as answers show it: with its password in those that made one.
type serviceCredentialXML struct {
	CreateDate                  string
	ServiceName                 string
	ServiceUserName             string
	ServicePassword             string `xml:",omitempty"`
	ServiceSpecificCredentialID string `xml:"ServiceSpecificCredentialId"`
	UserName                    string
	Status                      string
}

type serviceCredentialResult struct{ ServiceSpecificCredential serviceCredentialXML }

func describeServiceCredential(u *User, c *serviceCredential) serviceCredentialXML {
	return serviceCredentialXML{CreateDate: stamp(c.Created), ServiceName: c.Service, ServiceUserName: c.Name,
		ServiceSpecificCredentialID: c.ID, UserName: u.Name, Status: c.status()}
}

// withPassword is the answer that shows a password, the only time that it is to be seen.
func (o *operating) withPassword(u *User, c *serviceCredential) serviceCredentialResult {
	x := describeServiceCredential(u, c)
	x.ServicePassword = base64.StdEncoding.EncodeToString(o.draw("service password").Bytes(32))
	return serviceCredentialResult{x}
}

// createServiceCredential implements CreateServiceSpecificCredential. A user's second name for a service has a number in it:
// the first may be there still.
func (o *operating) createServiceCredential() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	service := o.param("ServiceName")
	if !slices.Contains(credentialServices, service) {
		return nil, o.refuse("NoSuchCredentialService", service)
	}
	others, err := belongingsOf[serviceCredential](o.Tx, kindServiceCredential, u.ID)
	if err != nil {
		return nil, err
	}
	others = slices.DeleteFunc(others, func(c *serviceCredential) bool { return c.Service != service })
	if len(others) >= serviceCredentialsPerOne {
		return nil, o.refuse("QuotaExceeded", "ServiceSpecificCredentialsPerUser", serviceCredentialsPerOne)
	}
	name := fmt.Sprintf("%s-at-%s", u.Name, o.account.ID)
	for n := 1; slices.ContainsFunc(others, func(c *serviceCredential) bool { return c.Name == name }); n++ {
		name = fmt.Sprintf("%s+%d-at-%s", u.Name, n, o.account.ID)
	}
	c := &serviceCredential{belonging{ID: o.drawID("ACCA", 17), UserID: u.ID, Created: o.today()}, service, name}
	return o.withPassword(u, c), put(o.Tx, kindServiceCredential, c.key(), c)
}

// resetServiceCredential implements ResetServiceSpecificCredential: the name stays, and the old password is no good from now
// on.
func (o *operating) resetServiceCredential() (any, error) {
	c := &serviceCredential{}
	u, err := serviceCredentials.named(o, c)
	if err != nil {
		return nil, err
	}
	return o.withPassword(u, c), nil
}

// updateServiceCredential implements UpdateServiceSpecificCredential.
func (o *operating) updateServiceCredential() (any, error) {
	return serviceCredentials.update(o, &serviceCredential{})
}

// deleteServiceCredential implements DeleteServiceSpecificCredential.
func (o *operating) deleteServiceCredential() (any, error) { return serviceCredentials.remove(o) }

type listServiceCredentialsResult struct {
	ServiceSpecificCredentials list[serviceCredentialXML]
	tail
}

// listServiceCredentials implements ListServiceSpecificCredentials.
func (o *operating) listServiceCredentials() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	all, err := belongingsOf[serviceCredential](o.Tx, kindServiceCredential, u.ID)
	if err != nil {
		return nil, err
	}
	if service := o.param("ServiceName"); service != "" {
		all = slices.DeleteFunc(all, func(c *serviceCredential) bool { return c.Service != service })
	}
	all, end, err := page(o, all, func(c *serviceCredential) string { return c.ID })
	var out []serviceCredentialXML
	for _, c := range all {
		out = append(out, describeServiceCredential(u, c))
	}
	return listServiceCredentialsResult{list[serviceCredentialXML]{out}, end}, err
}
