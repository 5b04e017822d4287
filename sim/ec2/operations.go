package ec2

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
	"github.com/mfalab/mfalab/sim/iam/policy"
)

// maxInstances is how many instances one request starts. Our choice; the real limit is the account's quota.
const maxInstances = 100

// stateXML is a state by its number and its name: InstanceState of the API Reference.
type stateXML struct {
	Code int    `xml:"code"`
	Name string `xml:"name"`
}

// instanceXML is an instance as DescribeInstances shows it, as far as toys have anything to show.
type instanceXML struct {
	ID       string   `xml:"instanceId"`
	Image    string   `xml:"imageId"`
	State    stateXML `xml:"instanceState"`
	Type     string   `xml:"instanceType"`
	Launched string   `xml:"launchTime"`
	Zone     string   `xml:"placement>availabilityZone"`
	Tags     []tag    `xml:"tagSet>item"`
}

// reservationXML is what one request started.
type reservationXML struct {
	ID        string        `xml:"reservationId"`
	Owner     string        `xml:"ownerId"`
	Instances []instanceXML `xml:"instancesSet>item"`
}

// shown is i with the state that it is in now.
func (q *request) shown(i *instance) instanceXML {
	s := i.state(q.call.Now)
	return instanceXML{i.ID, i.Image, stateXML{codes[s], s}, i.Type, i.Launched.UTC().Format("2006-01-02T15:04:05.000Z"), i.Region + "a", i.Tags}
}

// reservation is the one that an instance came in: each has one of its own, so that a list in pages or by filters never has to
// tear one apart. RunInstances shows what it started as one nevertheless, as clients expect.
func (q *request) reservation(list ...*instance) reservationXML {
	r := reservationXML{ID: "r-" + strings.TrimPrefix(list[0].ID, "i-"), Owner: q.account.Account()}
	for _, i := range list {
		r.Instances = append(r.Instances, q.shown(i))
	}
	return r
}

// run implements RunInstances. Tags need the permission for CreateTags as well: Amazon EC2 User Guide, "Grant permission to
// tag resources during creation".
func (q *request) run() (any, error) {
	least, err1 := strconv.Atoi(q.form.Get("MinCount"))
	most, err2 := strconv.Atoi(q.form.Get("MaxCount"))
	image := q.form.Get("ImageId")
	switch {
	case image == "":
		return nil, refuse(400, "MissingParameter", "form", "The request must contain the parameter ImageId")
	case err1 != nil || err2 != nil || least < 1 || most < least:
		return nil, refuse(400, "InvalidParameterValue", "form", "The counts %q and %q are not valid.", q.form.Get("MinCount"), q.form.Get("MaxCount"))
	case most > maxInstances:
		return nil, refuse(400, "InstanceLimitExceeded", "form", "You have requested more instances (%d) than your current instance limit of %d allows.", most, maxInstances)
	}
	var tags []tag
	for i := 1; q.form.Has(fmt.Sprintf("TagSpecification.%d.ResourceType", i)); i++ {
		if q.form.Get(fmt.Sprintf("TagSpecification.%d.ResourceType", i)) != "instance" {
			continue // there is nothing else to put them on
		}
		more, err := q.tags(fmt.Sprintf("TagSpecification.%d.Tag", i))
		if err != nil {
			return nil, err
		}
		tags = append(tags, more...)
	}
	any := (&instance{ID: "*", Region: q.call.Region}).arn(q.account.Account())
	if err := q.allow("ec2:RunInstances", any, nil, tags); err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		if err := q.allow("ec2:CreateTags", any, nil, tags, creating); err != nil {
			return nil, err
		}
	}
	if err := q.dry(); err != nil {
		return nil, err
	}
	var list []*instance
	err := q.beside.Update(q.ctx, func(r *iam.Records) error {
		list = nil
		for range most {
			i := &instance{ID: "i-0" + hex.EncodeToString(r.Draw("instance").Bytes(8)), Image: image,
				Type: cmp.Or(q.form.Get("InstanceType"), "t3.micro"), Region: q.call.Region, Launched: q.call.Now}
			i.tagged(tags)
			if err := put(r, i); err != nil {
				return err
			}
			list = append(list, i)
		}
		q.answers("instancesSet", q.started(list))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return q.reservation(list...), nil
}

// creating is what policies are told of tags that come with the resource: people allow those, and nobody to change them.
func creating(c *policy.Context) { c.Set("ec2:CreateAction", "RunInstances") }

// filter is a parameter of the Describe operations: one of its values is enough, and all filters must hold (EC2 API Reference,
// API_Filter). Values are compared as they are; the wildcards that the real service takes in them are not.
type filter struct {
	name   string
	values []string
}

// filters reads Filter.1.Name, Filter.1.Value.1 and so on.
func (q *request) filters() []filter {
	var all []filter
	for i := 1; q.form.Has(fmt.Sprintf("Filter.%d.Name", i)); i++ {
		all = append(all, filter{q.form.Get(fmt.Sprintf("Filter.%d.Name", i)), q.list(fmt.Sprintf("Filter.%d.Value", i))})
	}
	return all
}

// has reports whether an instance passes a filter. API_DescribeInstances names many more.
func (q *request) has(i *instance, f filter) (bool, error) {
	key, tagged := strings.CutPrefix(f.name, "tag:")
	switch {
	case tagged:
		return slices.ContainsFunc(i.Tags, func(t tag) bool { return t.Key == key && slices.Contains(f.values, t.Value) }), nil
	case f.name == "tag-key":
		return slices.ContainsFunc(i.Tags, func(t tag) bool { return slices.Contains(f.values, t.Key) }), nil
	case f.name == "instance-id", f.name == "resource-id":
		return slices.Contains(f.values, i.ID), nil
	case f.name == "instance-state-name":
		return slices.Contains(f.values, i.state(q.call.Now)), nil
	case f.name == "instance-type":
		return slices.Contains(f.values, i.Type), nil
	case f.name == "resource-type":
		return slices.Contains(f.values, "instance"), nil
	}
	return false, refuse(400, "InvalidParameterValue", "filter", "The filter '%s' is invalid", f.name)
}

// matching returns the instances that the request's IDs and filters mean. An ID that is not there is an error, where a filter
// that nothing passes is an empty list: scripts that look for a tag rely on the second.
func (q *request) matching(tx iam.Tx) ([]*instance, error) {
	all, err := read(tx, q.call.Region, q.call.Now)
	if err != nil {
		return nil, err
	}
	if ids := q.list("InstanceId"); len(ids) > 0 {
		if all, err = named(all, ids); err != nil {
			return nil, err
		}
	}
	for _, f := range q.filters() {
		var kept []*instance
		for _, i := range all {
			ok, err := q.has(i, f)
			if err != nil {
				return nil, err
			}
			if ok {
				kept = append(kept, i)
			}
		}
		all = kept
	}
	return all, nil
}

// named returns the instances with those IDs.
func named(all []*instance, ids []string) ([]*instance, error) {
	var list []*instance
	for _, id := range ids {
		at := slices.IndexFunc(all, func(i *instance) bool { return i.ID == id })
		if !strings.HasPrefix(id, "i-") {
			return nil, refuse(400, "InvalidInstanceID.Malformed", "instance", "Invalid id: \"%s\"", id)
		}
		if at < 0 {
			return nil, refuse(400, "InvalidInstanceID.NotFound", "instance", "The instance ID '%s' does not exist", id)
		}
		list = append(list, all[at])
	}
	return list, nil
}

// describe implements DescribeInstances, which knows no resources.
func (q *request) describe() (any, error) {
	if err := q.allow("ec2:DescribeInstances", "*", nil, nil); err != nil {
		return nil, err
	}
	var x struct {
		Reservations []reservationXML `xml:"reservationSet>item"`
	}
	err := q.beside.View(q.ctx, func(tx iam.Tx) error {
		list, err := q.matching(tx)
		for _, i := range list {
			x.Reservations = append(x.Reservations, q.reservation(i))
		}
		return err
	})
	return x, err
}

// meant returns the instances that a list of IDs names, at least one. It is asked before the policies are, since what they decide
// about has to be read first; so a caller without permission learns whether an ID is there. The real service's order is not recorded.
func (q *request) meant(tx iam.Tx, parameter string) ([]*instance, error) {
	ids := q.list(parameter)
	if len(ids) == 0 {
		return nil, refuse(400, "MissingParameter", "form", "The request must contain the parameter %s", parameter)
	}
	all, err := read(tx, q.call.Region, q.call.Now)
	if err != nil {
		return nil, err
	}
	return named(all, ids)
}

// createTags implements CreateTags.
func (q *request) createTags() (any, error) {
	tags, err := q.tags("Tag")
	if err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return nil, refuse(400, "MissingParameter", "form", "The request must contain the parameter Tag")
	}
	return q.tag(tags, func(i *instance) { i.tagged(tags) })
}

// deleteTags implements DeleteTags: without any tag all of them go; one with a value goes only where it has that value, one
// without whatever its value is (API_DeleteTags).
func (q *request) deleteTags() (any, error) {
	tags, err := q.tags("Tag")
	if err != nil {
		return nil, err
	}
	return q.tag(tags, func(i *instance) {
		i.Tags = slices.DeleteFunc(i.Tags, func(has tag) bool {
			return len(tags) == 0 || slices.ContainsFunc(tags, func(t tag) bool {
				return t.Key == has.Key && (t.Value == has.Value || t.Value == "" && !q.valued(t.Key))
			})
		})
	})
}

// valued reports whether the request gives the tag of that key a value, if only an empty one.
func (q *request) valued(key string) bool {
	for i := 1; q.form.Has(fmt.Sprintf("Tag.%d.Key", i)); i++ {
		if q.form.Get(fmt.Sprintf("Tag.%d.Key", i)) == key && q.form.Has(fmt.Sprintf("Tag.%d.Value", i)) {
			return true
		}
	}
	return false
}

// tag changes the tags of the instances that the request names. Who may do it is decided by the tags that are there as well
// as by those in the request: a policy that protects what has a tag has to protect the tag, or whoever may not touch the
// instance takes the tag away first.
func (q *request) tag(tags []tag, change func(*instance)) (any, error) {
	var list []*instance
	if err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		list, err = q.meant(tx, "ResourceId")
		return err
	}); err != nil {
		return nil, err
	}
	for _, i := range list {
		if err := q.allow("ec2:"+q.call.Action, i.arn(q.account.Account()), i.Tags, tags); err != nil {
			return nil, err
		}
	}
	if err := q.dry(); err != nil {
		return nil, err
	}
	err := q.beside.Update(q.ctx, func(r *iam.Records) error {
		now, err := q.meant(r, "ResourceId")
		if err != nil {
			return err
		}
		for _, i := range now {
			change(i)
			if err := put(r, i); err != nil {
				return err
			}
		}
		q.answers("_return", true)
		return nil
	})
	return struct {
		Return bool `xml:"return"`
	}{true}, err
}

// tagXML is a tag with what it is on.
type tagXML struct {
	ID   string `xml:"resourceId"`
	Type string `xml:"resourceType"`
	tag
}

// describeTags implements DescribeTags. Only instances have any.
func (q *request) describeTags() (any, error) {
	if err := q.allow("ec2:DescribeTags", "*", nil, nil); err != nil {
		return nil, err
	}
	var x struct {
		Tags []tagXML `xml:"tagSet>item"`
	}
	err := q.beside.View(q.ctx, func(tx iam.Tx) error {
		list, err := q.matching(tx)
		for _, i := range list {
			for _, t := range i.Tags {
				x.Tags = append(x.Tags, tagXML{i.ID, "instance", t})
			}
		}
		return err
	})
	return x, err
}
