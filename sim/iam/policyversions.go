package iam

import (
	"slices"
	"strconv"
	"strings"
)

// versionXML is a version as answers show it; only CreatePolicyVersion's and GetPolicyVersion's are about one, and
// only the latter has the document.
type versionXML struct {
	Document         string `xml:",omitempty"` // percent-encoded
	VersionID        string `xml:"VersionId"`
	IsDefaultVersion bool
	CreateDate       string
}

type versionResult struct{ PolicyVersion versionXML }

// describeVersion returns v as lists show it.
func describeVersion(p *ManagedPolicy, v PolicyVersion) versionXML {
	return versionXML{VersionID: v.ID, IsDefaultVersion: v.ID == p.Default, CreateDate: stamp(v.Created)}
}

// createPolicyVersion implements CreatePolicyVersion. Numbers are not given twice: what a trail says of v3 is about one text for ever.
// A version that is not made the default decides nothing, and its document is checked all the same.
func (o *operating) createPolicyVersion() (any, error) {
	p, err := o.ownPolicy("ForeignPolicyUpdate")
	if err != nil {
		return nil, err
	}
	text := o.param("PolicyDocument")
	if err := o.checkManaged(text); err != nil {
		return nil, err
	}
	if len(p.Versions) >= versionsQuota {
		return nil, o.refuse("VersionLimit", versionsQuota)
	}
	if err := o.addVersion(p, text, o.param("SetAsDefault") == "true"); err != nil {
		return nil, err
	}
	return versionResult{describeVersion(p, p.Versions[len(p.Versions)-1])}, nil
}

// version returns the version of a managed policy that the call names, and its place. A policy that is not there has no
// versions either (recorded).
func (o *operating) version(foreign string) (*ManagedPolicy, int, error) {
	arn, id := o.param("PolicyArn"), o.param("VersionId")
	if foreign != "" && strings.HasPrefix(arn, "arn:aws:iam::aws:") {
		return nil, 0, o.refuse(foreign)
	}
	if !boundaryPattern.MatchString(arn) {
		return nil, 0, o.refuse("InvalidPolicyARN", arn)
	}
	p, err := o.managed(o.Tx, arn)
	if err != nil {
		return nil, 0, err
	}
	at := -1
	if p != nil {
		at = slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == id })
	}
	if at < 0 {
		return nil, 0, o.refuse("NoSuchVersion", arn, id)
	}
	return p, at, nil
}

// getPolicyVersion implements GetPolicyVersion. The document is percent-encoded, as in every answer of IAM that has
// one (RFC 3986; clients decode it).
func (o *operating) getPolicyVersion() (any, error) {
	p, at, err := o.version("")
	if err != nil {
		return nil, err
	}
	x := describeVersion(p, p.Versions[at])
	text, err := documentText(o.Tx, p, x.VersionID)
	x.Document = percentEncoded(text)
	return versionResult{x}, err
}

// deletePolicyVersion implements DeletePolicyVersion. The default version cannot go by itself: it is what is in
// force.
func (o *operating) deletePolicyVersion() (any, error) {
	p, at, err := o.version("ForeignVersionDelete")
	if err != nil {
		return nil, err
	}
	id := p.Versions[at].ID
	if id == p.Default {
		return nil, o.refuse("DefaultVersion")
	}
	p.Versions = slices.Delete(p.Versions, at, at+1)
	if err := o.Delete(kindDocument, p.ID+" "+id); err != nil {
		return nil, err
	}
	return nil, putPolicy(o.Tx, p)
}

// setDefaultPolicyVersion implements SetDefaultPolicyVersion. Whoever may call it can go back to a wider version of
// old: it is worth as much as CreatePolicyVersion.
func (o *operating) setDefaultPolicyVersion() (any, error) {
	p, at, err := o.version("ForeignPolicyUpdate")
	if err != nil {
		return nil, err
	}
	p.Default, p.Updated = p.Versions[at].ID, o.today()
	return nil, putPolicy(o.Tx, p)
}

type listVersionsResult struct {
	Versions list[versionXML]
	tail
}

// listPolicyVersions implements ListPolicyVersions: the newest first.
func (o *operating) listPolicyVersions() (any, error) {
	p, err := o.policyParam()
	if err != nil {
		return nil, err
	}
	var versions []versionXML
	for _, v := range slices.Backward(p.Versions) {
		versions = append(versions, describeVersion(p, v))
	}
	// Five at most: their places are the order of the pages.
	at := 0
	versions, end, err := page(o, versions, func(v versionXML) string {
		at = slices.IndexFunc(p.Versions, func(x PolicyVersion) bool { return x.ID == v.VersionID })
		return strconv.Itoa(versionsQuota - at)
	})
	return listVersionsResult{list[versionXML]{versions}, end}, err
}

type listEntitiesResult struct {
	PolicyGroups list[entityXML]
	PolicyUsers  list[entityXML]
	PolicyRoles  list[entityXML]
	tail
}

// entityXML is who uses a policy; of the three names and IDs it has those of its kind.
type entityXML struct {
	GroupName string `xml:",omitempty"`
	GroupID   string `xml:"GroupId,omitempty"`
	UserName  string `xml:",omitempty"`
	UserID    string `xml:"UserId,omitempty"`
	RoleName  string `xml:",omitempty"`
	RoleID    string `xml:"RoleId,omitempty"`
}

// listEntitiesForPolicy implements ListEntitiesForPolicy, in the order of how and by whose ID the policy is used.
func (o *operating) listEntitiesForPolicy() (any, error) {
	p, err := o.policyParam()
	if err != nil {
		return nil, err
	}
	var result listEntitiesResult
	arn := o.arnOf(p)
	records, err := o.Scan(kindUsage, arn+" ", "", 0)
	if err != nil {
		return nil, err
	}
	var found []entity
	for _, r := range records {
		use, id, _ := strings.Cut(strings.TrimPrefix(r.Key, arn+" "), " ")
		e, path, err := o.entity(id)
		if err != nil {
			return nil, err
		}
		if e != (entityXML{}) && o.letsThrough(use, string(r.Value), path) {
			found = append(found, entity{use + " " + id, e})
		}
	}
	found, end, err := page(o, found, func(e entity) string { return e.key })
	for _, e := range found {
		switch {
		case e.GroupID != "":
			result.PolicyGroups.Members = append(result.PolicyGroups.Members, e.entityXML)
		case e.UserID != "":
			result.PolicyUsers.Members = append(result.PolicyUsers.Members, e.entityXML)
		default:
			result.PolicyRoles.Members = append(result.PolicyRoles.Members, e.entityXML)
		}
	}
	result.tail = end
	return result, err
}

type entity struct {
	key string
	entityXML
}

// letsThrough reports whether the call's filters let an entity through: the path is that of the user, group or role, not the
// policy's.
func (o *operating) letsThrough(use, word, path string) bool {
	filter, usage := o.param("EntityFilter"), o.param("PolicyUsageFilter")
	return strings.HasPrefix(path, o.pathOr("PathPrefix")) && (filter == "" || strings.EqualFold(filter, word)) &&
		(usage == "" || (usage == "PermissionsBoundary") == (use == boundaryUse))
}

// entity returns the user, group or role with that ID, and its path.
func (o *operating) entity(id string) (entityXML, string, error) {
	switch id[:4] {
	case "AGPA":
		g, err := groupWithID(o.Tx, id)
		if err != nil || g == nil {
			return entityXML{}, "", err
		}
		return entityXML{GroupName: g.Name, GroupID: id}, g.Path, nil
	case "AROA":
		r, err := roleWithID(o.Tx, id)
		if err != nil || r == nil {
			return entityXML{}, "", err
		}
		return entityXML{RoleName: r.Name, RoleID: id}, r.Path, nil
	default:
		u, err := userWithID(o.Tx, id)
		if err != nil || u == nil {
			return entityXML{}, "", err
		}
		return entityXML{UserName: u.Name, UserID: id}, u.Path, nil
	}
}
