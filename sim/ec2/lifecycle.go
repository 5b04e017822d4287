package ec2

import (
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// changeXML is an instance's state before and after an operation: InstanceStateChange of the API Reference.
type changeXML struct {
	ID       string   `xml:"instanceId"`
	Current  stateXML `xml:"currentState"`
	Previous stateXML `xml:"previousState"`
}

// start implements StartInstances. What runs already is left as it is; what is on its way down, or gone, cannot be started.
// The launch time is that of the last start: API_Instance.
func (q *request) start() (any, error) {
	return q.change(func(i *instance, state string) error {
		switch state {
		case "stopped":
			i.Launched, i.Stopped = q.call.Now, time.Time{}
		case "pending", "running":
		default:
			return refuse(400, "IncorrectInstanceState", "state", "The instance '%s' is not in a state from which it can be started.", i.ID)
		}
		return nil
	})
}

// stop implements StopInstances. What is stopped, or stopping, is left as it is: Amazon EC2 User Guide, "Stop and start
// Amazon EC2 instances".
func (q *request) stop() (any, error) {
	return q.change(func(i *instance, state string) error {
		switch state {
		case "running":
			i.Stopped = q.call.Now
		case "stopping", "stopped":
		default:
			return refuse(400, "IncorrectInstanceState", "state", "The instance '%s' is not in a state from which it can be stopped.", i.ID)
		}
		return nil
	})
}

// terminate implements TerminateInstances. To terminate again succeeds as long as the instance is listed.
func (q *request) terminate() (any, error) {
	return q.change(func(i *instance, _ string) error {
		if i.Terminated.IsZero() {
			i.Terminated = q.call.Now
		}
		return nil
	})
}

// change moves the instances that the request names through their lives: all of them or, where one of them may not be
// changed or refuses, none. The policies see each with the tags that it has; they are asked before the transaction that
// writes, and so what they were asked about must still be so in it.
func (q *request) change(move func(i *instance, state string) error) (any, error) {
	var list []*instance
	if err := q.beside.View(q.ctx, func(tx iam.Tx) (err error) {
		list, err = q.meant(tx, "InstanceId")
		return err
	}); err != nil {
		return nil, err
	}
	for _, i := range list {
		if err := q.allow("ec2:"+q.call.Action, i.arn(q.account.Account()), i.Tags, nil); err != nil {
			return nil, err
		}
	}
	if err := q.dry(); err != nil {
		return nil, err
	}
	var x struct {
		Instances []changeXML `xml:"instancesSet>item"`
	}
	err := q.beside.Update(q.ctx, func(r *iam.Records) error {
		now, err := q.meant(r, "InstanceId")
		if err != nil {
			return err
		}
		x.Instances = nil // a store that retries comes here again
		for n, i := range now {
			if !slices.Equal(i.Tags, list[n].Tags) { // what was allowed is another instance now
				return refuse(400, "IncorrectInstanceState", "race", "The instance '%s' was changed at the same time.", i.ID)
			}
			was := i.state(q.call.Now)
			if err := move(i, was); err != nil {
				return err
			}
			is := i.state(q.call.Now)
			x.Instances = append(x.Instances, changeXML{i.ID, stateXML{codes[is], is}, stateXML{codes[was], was}})
			if err := put(r, i); err != nil {
				return err
			}
		}
		q.answers("instancesSet", changed(x.Instances))
		return nil
	})
	return x, err
}
