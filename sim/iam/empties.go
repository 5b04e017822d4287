package iam

import "encoding/xml"

// emptyOperations list what this account never has: things that cannot be made here, and that tools ask for before they
// delete a role or look through an account.
var emptyOperations = func() []*operation {
	marker, most := param{"Marker", markerShape, false}, param{"MaxItems", maxItemsShape, false}
	var ops []*operation
	add := func(name, element string, on func(*operating) (target, error), exists func(*operating) error, params ...param) {
		ops = append(ops, &operation{service: "iam", name: name, on: on, params: params, run: func(o *operating) (any, error) {
			return emptyResult{element}, exists(o)
		}})
	}
	role := func(o *operating) error { _, err := o.roleNamed(o.param("RoleName")); return err }
	always := func(*operating) error { return nil }
	add("ListInstanceProfiles", "InstanceProfiles", onAll("instance-profile"), always, param{"PathPrefix", pathPrefixShape, false}, marker, most)
	add("ListInstanceProfilesForRole", "InstanceProfiles", onRole, role, param{"RoleName", roleNameShape, true}, marker, most)
	add("ListServerCertificates", "ServerCertificateMetadataList", onAll("server-certificate"), always,
		param{"PathPrefix", pathPrefixShape, false}, marker, most)
	add("ListSAMLProviders", "SAMLProviderList", nil, always)
	add("ListOpenIDConnectProviders", "OpenIDConnectProviderList", nil, always)
	return ops
}()

// emptyResult is a list without members, in an element of that name.
type emptyResult struct{ element string }

// MarshalXML implements xml.Marshaler.
func (r emptyResult) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if err := e.EncodeElement("", xml.StartElement{Name: xml.Name{Local: r.element}}); err != nil {
		return err
	}
	if err := e.EncodeElement(false, xml.StartElement{Name: xml.Name{Local: "IsTruncated"}}); err != nil {
		return err
	}
	return e.EncodeToken(start.End())
}
