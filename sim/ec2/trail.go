package ec2

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/mfalab/mfalab/sim/iam"
)

// What a record of EC2 says is from the AWS CloudTrail User Guide, "Log file examples" (StartInstances, RunInstances,
// TerminateInstances): lists are objects with items, answers begin with the request's ID. All of it is management events.

// items is a list as the records of EC2 have it.
type items[T any] struct {
	Items []T `json:"items"`
}

// instanceItem is an instance in a record, with what the operation has to say of it.
type instanceItem struct {
	ID       string     `json:"instanceId,omitempty"`
	Image    string     `json:"imageId,omitempty"`
	Least    int        `json:"minCount,omitempty"`
	Most     int        `json:"maxCount,omitempty"`
	Type     string     `json:"instanceType,omitempty"`
	State    *stateItem `json:"instanceState,omitempty"`
	Current  *stateItem `json:"currentState,omitempty"`
	Previous *stateItem `json:"previousState,omitempty"`
}

// stateItem is a state in a record.
type stateItem struct {
	Code int    `json:"code"`
	Name string `json:"name"`
}

// state is an instance's state as the records have it.
func (x stateXML) state() *stateItem { return &stateItem{x.Code, x.Name} }

// tagItem is a tag in a record.
type tagItem struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// told is what the record says of the call besides who, when and how it ended.
func (q *request) told() iam.Told {
	action := q.call.Action
	asked := map[string]any{}
	switch action {
	case "RunInstances":
		least, _ := strconv.Atoi(q.form.Get("MinCount")) // what is no number is refused, and left out here
		most, _ := strconv.Atoi(q.form.Get("MaxCount"))
		asked["instancesSet"] = items[instanceItem]{[]instanceItem{{Image: q.form.Get("ImageId"), Least: least, Most: most}}}
		if kind := q.form.Get("InstanceType"); kind != "" {
			asked["instanceType"] = kind
		}
		if tags := q.tagItems("TagSpecification.1.Tag"); len(tags) > 0 {
			asked["tagSpecificationSet"] = items[any]{[]any{map[string]any{
				"resourceType": q.form.Get("TagSpecification.1.ResourceType"), "tags": tags}}}
		}
	case "CreateTags", "DeleteTags":
		ids := []map[string]string{}
		for _, id := range q.list("ResourceId") {
			ids = append(ids, map[string]string{"resourceId": id})
		}
		asked["resourcesSet"], asked["tagSet"] = items[map[string]string]{ids}, items[tagItem]{q.tagItems("Tag")}
	default:
		asked["instancesSet"] = struct{}{}
		if ids := q.list("InstanceId"); len(ids) > 0 {
			list := []instanceItem{}
			for _, id := range ids {
				list = append(list, instanceItem{ID: id})
			}
			asked["instancesSet"] = items[instanceItem]{list}
		}
	}
	return iam.Told{Request: members(asked), ReadOnly: strings.HasPrefix(action, "Describe")}
}

// tagItems are the tags of a request as it has them, well formed or not.
func (q *request) tagItems(name string) []tagItem {
	list := []tagItem{}
	for i := 1; q.form.Has(name + "." + strconv.Itoa(i) + ".Key"); i++ {
		at := name + "." + strconv.Itoa(i)
		list = append(list, tagItem{q.form.Get(at + ".Key"), q.form.Get(at + ".Value")})
	}
	return list
}

// started are instances as the record of RunInstances has them.
func (q *request) started(list []*instance) items[instanceItem] {
	var out items[instanceItem]
	for _, i := range list {
		x := q.shown(i)
		out.Items = append(out.Items, instanceItem{ID: x.ID, Image: x.Image, Type: x.Type, State: x.State.state()})
	}
	return out
}

// changed are instances as the records of StartInstances, StopInstances and TerminateInstances have them.
func changed(list []changeXML) items[instanceItem] {
	var out items[instanceItem]
	for _, x := range list {
		out.Items = append(out.Items, instanceItem{ID: x.ID, Current: x.Current.state(), Previous: x.Previous.state()})
	}
	return out
}

// answers gives the record what came of the change, in its transaction.
func (q *request) answers(name string, value any) {
	q.beside.Told().Response = members(map[string]any{"requestId": q.call.RequestID, name: value})
}

// members returns m as JSON: texts, numbers and structures of them always have a form in it.
func members(m map[string]any) json.RawMessage {
	b, err := json.Marshal(m)
	if err != nil {
		panic("ec2: internal error: " + err.Error())
	}
	return b
}
