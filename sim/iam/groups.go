package iam

// groupWithID returns the group with that ID, or nil where there is none.
func groupWithID(tx Tx, id string) (*Group, error) {
	key, err := tx.Get(kindGroupID, id)
	if err != nil || key == nil {
		return nil, err
	}
	g := &Group{}
	found, err := get(tx, kindGroup, string(key), g)
	if err != nil || !found {
		return nil, err
	}
	return g, nil
}

// putGroup stores g.
func putGroup(tx Tx, g *Group) error {
	key := lower(g.Name)
	if err := tx.Put(kindGroupID, g.ID, []byte(key)); err != nil {
		return err
	}
	return put(tx, kindGroup, key, g)
}

// arn returns the ARN of g in account.
func (g *Group) arn(account string) string {
	return "arn:aws:iam::" + account + ":group" + g.Path + g.Name
}

// groupNamed returns the group with that name, whatever its case, or NoSuchEntity.
func (o *operating) groupNamed(name string) (*Group, error) {
	g := &Group{}
	found, err := get(o.Tx, kindGroup, lower(name), g)
	if err == nil && !found {
		err = o.refuse("NoSuchGroup", name)
	}
	return g, err
}

// onGroup is the group that the call names.
func onGroup(o *operating) (target, error) {
	name := o.param("GroupName")
	g := &Group{}
	found, err := get(o.Tx, kindGroup, lower(name), g)
	t := target{arn: o.iamARN("group/" + name), shown: "group " + name}
	if found {
		t.arn = g.arn(o.Service.Account())
	}
	return t, err
}
