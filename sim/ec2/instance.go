package ec2

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/mfalab/mfalab/sim/iam"
)

// kindInstance is the kind of the records in the account's store. Package iam knows it too: a saved account has them.
const kindInstance = "instance"

// Our choices, of the order that the real service shows: how long an instance takes to start and to stop, and how long a
// terminated one is still listed ("after about an hour", Amazon EC2 User Guide, "Terminate your instance").
const (
	startTime = 20 * time.Second
	stopTime  = 40 * time.Second
	shownTime = time.Hour
)

// A tag is a key and a value on an instance.
type tag struct {
	Key   string `json:"key" xml:"key"`
	Value string `json:"value" xml:"value"`
}

// An instance is the record of an instance. Times are the lab's.
type instance struct {
	ID         string    `json:"id"` // "i-..."
	Image      string    `json:"image"`
	Type       string    `json:"type"`
	Region     string    `json:"region"`
	Launched   time.Time `json:"launched"`            // when it was started last
	Stopped    time.Time `json:"stopped,omitzero"`    // when it was last told to stop; zero once it is started again
	Terminated time.Time `json:"terminated,omitzero"` // an end from which nothing comes back
	Tags       []tag     `json:"tags,omitempty"`
}

// state is an instance's state at now, "" for one that is forgotten. API_InstanceState. Nothing but time moves it on, and so
// nothing is stored of it but the moments at which somebody asked for a change.
func (i *instance) state(now time.Time) string {
	switch ended, stopped := !i.Terminated.IsZero(), !i.Stopped.IsZero(); {
	case ended && now.Sub(i.Terminated) < stopTime:
		return "shutting-down"
	case ended && now.Sub(i.Terminated) < shownTime:
		return "terminated"
	case ended:
		return ""
	case stopped && now.Sub(i.Stopped) < stopTime:
		return "stopping"
	case stopped:
		return "stopped"
	case now.Sub(i.Launched) < startTime:
		return "pending"
	}
	return "running"
}

// codes are the numbers of the states. API_InstanceState.
var codes = map[string]int{"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}

// arn is the instance's name in policies.
func (i *instance) arn(account string) string {
	return fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", i.Region, account, i.ID)
}

// tagged gives the instance tags, in the place of those with the same key.
func (i *instance) tagged(tags []tag) {
	for _, t := range tags {
		i.Tags = append(slices.DeleteFunc(i.Tags, func(old tag) bool { return old.Key == t.Key }), t)
	}
}

// read returns the instances of a region that are not forgotten, in the order of their IDs.
func read(tx iam.Tx, region string, now time.Time) ([]*instance, error) {
	records, err := tx.Scan(kindInstance, "", "", 0)
	if err != nil {
		return nil, err
	}
	var all []*instance
	for _, r := range records {
		i := &instance{}
		if err := json.Unmarshal(r.Value, i); err != nil {
			return nil, fmt.Errorf("the record %s %q is damaged: %w", kindInstance, r.Key, err)
		}
		if i.Region == region && i.state(now) != "" {
			all = append(all, i)
		}
	}
	return all, nil
}

func put(tx iam.Tx, i *instance) error {
	b, err := json.Marshal(i)
	if err != nil {
		return err
	}
	return tx.Put(kindInstance, i.ID, b)
}
