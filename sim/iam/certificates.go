package iam

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strconv"
	"strings"
)

// certificateOperations are the operations on X.509 signing certificates, with which requests to some old services were
// signed. Root may have them, too.
var certificateOperations = []*operation{
	{service: "iam", name: "UploadSigningCertificate", on: onUser, writes: true, run: (*operating).uploadCertificate, params: []param{
		{"UserName", existingUserNameShape, false}, {"CertificateBody", bodyShape, true}}},
	{service: "iam", name: "UpdateSigningCertificate", on: onUser, writes: true, run: (*operating).updateCertificate, params: []param{
		{"UserName", existingUserNameShape, false}, {"CertificateId", certificateIDShape, true}, {"Status", keyStatusShape, true}}},
	{service: "iam", name: "DeleteSigningCertificate", on: onUser, writes: true, run: (*operating).deleteCertificate, params: []param{
		{"UserName", existingUserNameShape, false}, {"CertificateId", certificateIDShape, true}}},
	{service: "iam", name: "ListSigningCertificates", on: onUser, run: (*operating).listCertificates, params: []param{
		{"UserName", existingUserNameShape, false}, {"Marker", markerShape, false}, {"MaxItems", maxItemsShape, false}}},
}

// certificate is the record of a signing certificate.
type certificate struct {
	belonging
	Body string `json:"body"` // PEM
}

// certificateXML is a signing certificate as answers show it.
type certificateXML struct {
	UserName        string `xml:",omitempty"` // root has none
	CertificateID   string `xml:"CertificateId"`
	CertificateBody string
	Status          string
	UploadDate      string
}

type certificateResult struct{ Certificate certificateXML }

func describeCertificate(u *User, c *certificate) certificateXML {
	return certificateXML{u.Name, c.ID, c.Body, c.status(), stamp(c.Created)}
}

// uploadCertificate implements UploadSigningCertificate. Whether the certificate is still good is nobody's question here:
// nothing in the lab is signed with it.
func (o *operating) uploadCertificate() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	body := o.param("CertificateBody")
	block, _ := pem.Decode([]byte(body))
	if block == nil {
		return nil, o.refuse("MalformedCertificate", body)
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return nil, o.refuse("MalformedCertificate", body)
	}
	others, err := belongingsOf[certificate](o.Tx, kindCertificate, u.ID)
	switch {
	case err != nil:
		return nil, err
	case slices.ContainsFunc(others, func(c *certificate) bool { return strings.TrimSpace(c.Body) == strings.TrimSpace(body) }):
		return nil, o.refuse("DuplicateCertificate")
	case len(others) >= certificatesPerUser:
		return nil, o.refuse("CertificateLimit", certificatesPerUser)
	}
	c := &certificate{belonging{ID: o.drawID("", 32), UserID: u.ID, Created: o.today()}, body}
	return certificateResult{describeCertificate(u, c)}, put(o.Tx, kindCertificate, c.key(), c)
}

// updateCertificate implements UpdateSigningCertificate.
func (o *operating) updateCertificate() (any, error) { return certificates.update(o, &certificate{}) }

// deleteCertificate implements DeleteSigningCertificate.
func (o *operating) deleteCertificate() (any, error) { return certificates.remove(o) }

type listCertificatesResult struct {
	Certificates list[certificateXML]
	tail
}

// listCertificates implements ListSigningCertificates.
func (o *operating) listCertificates() (any, error) {
	u, err := o.subject()
	if err != nil {
		return nil, err
	}
	all, err := belongingsOf[certificate](o.Tx, kindCertificate, u.ID)
	if err != nil {
		return nil, err
	}
	all, end, err := page(o, all, func(c *certificate) string { return c.ID })
	var out []certificateXML
	for _, c := range all {
		out = append(out, describeCertificate(u, c))
	}
	return listCertificatesResult{list[certificateXML]{out}, end}, err
}

// certificateCells returns cert_N_active and cert_N_last_rotated of the credential report, for every N.
func certificateCells(tx Tx, u *User) ([]string, error) {
	all, err := belongingsOf[certificate](tx, kindCertificate, u.ID)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b *certificate) int { return a.Created.Compare(b.Created) })
	var cells []string
	for i := range certificatesPerUser {
		if i < len(all) {
			cells = append(cells, strconv.FormatBool(!all[i].Inactive), reportTime(all[i].Created))
		} else {
			cells = append(cells, "false", notApplicable)
		}
	}
	return cells, nil
}
