package console

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
)

// administratorPolicy is what makes a user an administrator.
const administratorPolicy = "arn:aws:iam::aws:policy/AdministratorAccess"

// routePermissions serves the pages on policies and groups.
func (c *Console) routePermissions() {
	c.mux.HandleFunc("POST "+Root+"/iam/users/{user}/permissions", c.signed(c.changePermissions))
	c.mux.HandleFunc("GET "+Root+"/iam/groups", c.signed(c.groups))
	c.mux.HandleFunc("POST "+Root+"/iam/groups", c.signed(c.createGroup))
	c.mux.HandleFunc("GET "+Root+"/iam/groups/{group}", c.signed(c.group))
	c.mux.HandleFunc("POST "+Root+"/iam/groups/{group}/permissions", c.signed(c.changePermissions))
	c.mux.HandleFunc("POST "+Root+"/iam/groups/{group}/delete", c.signed(c.deleteGroup))
	c.mux.HandleFunc("GET "+Root+"/iam/policy", c.signed(c.policy))
}

// Answers of the account, as a client of its API reads them.
type (
	policyEntry struct {
		PolicyName, PolicyArn, Arn string
		DefaultVersionId           string
	}
	groupEntry struct{ GroupName, Arn, Path, CreateDate string }
)

// permissions is what a user or a group may do, and what it could be given.
type permissions struct {
	Kind     string // "User" or "Group", as operations call it
	Name     string
	Path     string // its page's
	Attached []policyEntry
	Inline   []string
	Groups   []groupEntry // a user's
	Choice   []policyEntry
	Others   []groupEntry
	Typed    string // a document that was refused
}

// permissions asks what a user or a group may do. Whoever may not see that sees nothing of it.
func (c *Console) permissions(r *http.Request, s *session, kind, name string) (*permissions, error) {
	p := &permissions{Kind: kind, Name: name, Path: holderPath(kind, name), Typed: r.PostFormValue("document")}
	attached, err := call[struct {
		Policies []policyEntry `xml:"AttachedPolicies>member"`
	}](c, r, s.caller, "iam", "ListAttached"+kind+"Policies", kind+"Name", name)
	if err != nil {
		return nil, err
	}
	inline, err := call[struct {
		Names []string `xml:"PolicyNames>member"`
	}](c, r, s.caller, "iam", "List"+kind+"Policies", kind+"Name", name)
	if err != nil {
		return nil, err
	}
	p.Attached, p.Inline = attached.Policies, inline.Names
	if p.Choice, err = c.policies(r, s); err != nil || kind == "Group" {
		return p, err
	}
	in, err := call[struct {
		Groups []groupEntry `xml:"Groups>member"`
	}](c, r, s.caller, "iam", "ListGroupsForUser", "UserName", name)
	if err != nil {
		return p, err
	}
	p.Groups = in.Groups
	p.Others, err = c.allGroups(r, s)
	return p, err
}

// policies lists the account's own policies, and those of AWS after them.
func (c *Console) policies(r *http.Request, s *session) (all []policyEntry, err error) {
	for _, scope := range []string{"Local", "AWS"} {
		list, err := call[struct {
			Policies []policyEntry `xml:"Policies>member"`
		}](c, r, s.caller, "iam", "ListPolicies", "Scope", scope, "MaxItems", "1000")
		if err != nil {
			return nil, err
		}
		all = append(all, list.Policies...)
	}
	return all, nil
}

func (c *Console) allGroups(r *http.Request, s *session) ([]groupEntry, error) {
	list, err := call[struct {
		Groups []groupEntry `xml:"Groups>member"`
	}](c, r, s.caller, "iam", "ListGroups", "MaxItems", "1000")
	return list.Groups, err
}

// holderPath is the page of a user or a group.
func holderPath(kind, name string) string {
	if kind == "Group" {
		return Root + "/iam/groups/" + url.PathEscape(name)
	}
	return userPath(name)
}

// changePermissions attaches and detaches managed policies, puts and deletes inline ones, and takes a user into a group or
// out of one.
func (c *Console) changePermissions(w http.ResponseWriter, r *http.Request, s *session) {
	kind, name := "User", r.PathValue("user")
	if name == "" {
		kind, name = "Group", r.PathValue("group")
	}
	var err error
	switch value := r.PostFormValue; value("what") {
	case "attach":
		_, err = c.do(r.Context(), r, s.caller, "iam", "Attach"+kind+"Policy", kind+"Name", name, "PolicyArn", value("policy"))
	case "detach":
		_, err = c.do(r.Context(), r, s.caller, "iam", "Detach"+kind+"Policy", kind+"Name", name, "PolicyArn", value("policy"))
	case "put":
		_, err = c.do(r.Context(), r, s.caller, "iam", "Put"+kind+"Policy", kind+"Name", name, "PolicyName", value("policy_name"),
			"PolicyDocument", value("document"))
	case "delete":
		_, err = c.do(r.Context(), r, s.caller, "iam", "Delete"+kind+"Policy", kind+"Name", name, "PolicyName", value("policy_name"))
	case "join":
		_, err = c.do(r.Context(), r, s.caller, "iam", "AddUserToGroup", "UserName", name, "GroupName", value("group"))
	case "leave":
		_, err = c.do(r.Context(), r, s.caller, "iam", "RemoveUserFromGroup", "UserName", name, "GroupName", value("group"))
	}
	if kind == "User" {
		c.did(w, r, s, name, err, "permissions")
		return
	}
	if err != nil {
		text, status := refusal(err)
		c.showGroup(w, r, s, status, text)
		return
	}
	http.Redirect(w, r, holderPath(kind, name)+"?done=permissions", http.StatusSeeOther)
}

func (c *Console) groups(w http.ResponseWriter, r *http.Request, s *session) {
	c.showGroups(w, r, s, http.StatusOK, "", "")
}

func (c *Console) showGroups(w http.ResponseWriter, r *http.Request, s *session, status int, text, typed string) {
	list, err := c.allGroups(r, s)
	if err != nil && text == "" {
		text, status = refusal(err)
	}
	c.show(w, r, status, "groups", s.cookie, sheet{Title: "User groups", Who: s, Error: text, Data: struct {
		Groups []groupEntry
		Typed  string
	}{list, typed}})
}

func (c *Console) createGroup(w http.ResponseWriter, r *http.Request, s *session) {
	name := r.PostFormValue("group_name")
	if _, err := c.do(r.Context(), r, s.caller, "iam", "CreateGroup", "GroupName", name); err != nil {
		text, status := refusal(err)
		c.showGroups(w, r, s, status, text, name)
		return
	}
	http.Redirect(w, r, holderPath("Group", name)+"?done=group", http.StatusSeeOther)
}

func (c *Console) deleteGroup(w http.ResponseWriter, r *http.Request, s *session) {
	if _, err := c.do(r.Context(), r, s.caller, "iam", "DeleteGroup", "GroupName", r.PathValue("group")); err != nil {
		text, status := refusal(err)
		c.showGroup(w, r, s, status, text)
		return
	}
	http.Redirect(w, r, Root+"/iam/groups?done=nogroup", http.StatusSeeOther)
}

func (c *Console) group(w http.ResponseWriter, r *http.Request, s *session) {
	c.showGroup(w, r, s, http.StatusOK, "")
}

// groupData is one group's page.
type groupData struct {
	Group       groupEntry
	Users       []userEntry
	Permissions *permissions
	Path        string
}

func (c *Console) showGroup(w http.ResponseWriter, r *http.Request, s *session, status int, text string) {
	name := r.PathValue("group")
	d := groupData{Group: groupEntry{GroupName: name}, Path: holderPath("Group", name)}
	g, err := call[struct {
		Group groupEntry
		Users []userEntry `xml:"Users>member"`
	}](c, r, s.caller, "iam", "GetGroup", "GroupName", name)
	if err == nil {
		d.Group, d.Users = g.Group, g.Users
		d.Permissions, err = c.permissions(r, s, "Group", name)
	}
	if err != nil && text == "" {
		text, status = refusal(err)
	}
	c.show(w, r, status, "group", s.cookie, sheet{Title: "User group " + name, Who: s, Error: text, Data: d})
}

// policyData is one policy's page.
type policyData struct{ Name, ARN, Version, Document, Back string }

// policy shows a policy's document: that of a managed one, or of one that stands in a user or a group.
func (c *Console) policy(w http.ResponseWriter, r *http.Request, s *session) {
	q := r.URL.Query()
	d := policyData{Name: q.Get("name"), ARN: q.Get("arn")}
	var text string
	var err error
	switch kind, of := q.Get("kind"), q.Get("of"); {
	case d.ARN != "":
		text, err = c.managed(r, s, &d)
	case kind == "User" || kind == "Group":
		d.Back = holderPath(kind, of)
		var x struct{ PolicyDocument string }
		x, err = call[struct{ PolicyDocument string }](c, r, s.caller, "iam", "Get"+kind+"Policy", kind+"Name", of, "PolicyName", d.Name)
		text = x.PolicyDocument
	}
	page := sheet{Title: "Policy " + d.Name, Who: s}
	status := http.StatusOK
	if err != nil {
		page.Error, status = refusal(err)
	}
	d.Document = indented(text)
	page.Data = d
	c.show(w, r, status, "policy", s.cookie, page)
}

// managed fetches the default version of a managed policy.
func (c *Console) managed(r *http.Request, s *session, d *policyData) (string, error) {
	p, err := call[struct{ Policy policyEntry }](c, r, s.caller, "iam", "GetPolicy", "PolicyArn", d.ARN)
	if err != nil {
		return "", err
	}
	d.Name, d.Version = p.Policy.PolicyName, p.Policy.DefaultVersionId
	v, err := call[struct{ PolicyVersion struct{ Document string } }](c, r, s.caller, "iam", "GetPolicyVersion", "PolicyArn", d.ARN,
		"VersionId", d.Version)
	return v.PolicyVersion.Document, err
}

// indented writes a document, which the account gives encoded for a URL (RFC 3986), so that people can read it.
func indented(document string) string {
	text, err := url.PathUnescape(document)
	if err != nil {
		return document
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}

// administrators counts the users who may administer the account, by themselves or in a group.
func (c *Console) administrators(r *http.Request, s *session) (int, error) {
	who, err := call[struct {
		Users  []userEntry  `xml:"PolicyUsers>member"`
		Groups []groupEntry `xml:"PolicyGroups>member"`
	}](c, r, s.caller, "iam", "ListEntitiesForPolicy", "PolicyArn", administratorPolicy, "MaxItems", "1000")
	if err != nil {
		return 0, err
	}
	names := map[string]bool{}
	for _, u := range who.Users {
		names[u.UserName] = true
	}
	for _, g := range who.Groups {
		in, err := call[struct {
			Users []userEntry `xml:"Users>member"`
		}](c, r, s.caller, "iam", "GetGroup", "GroupName", g.GroupName)
		if err != nil {
			return 0, err
		}
		for _, u := range in.Users {
			names[u.UserName] = true
		}
	}
	return len(names), nil
}
